package filter

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/net/bpf"
)

// tcpdump compiles a filter by the tcpdump that is installed. The error is what
// it says.
func tcpdump(t testing.TB, args []string, expr string) ([]bpf.RawInstruction, error) {
	t.Helper()
	path, err := exec.LookPath("tcpdump")
	if err != nil {
		t.Skip("tcpdump is not installed")
	}
	cmd := exec.CommandContext(t.Context(), path, append(append([]string{}, args...), "-ddd", "--", expr)...)
	var errors bytes.Buffer
	cmd.Stderr = &errors
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, strings.TrimSpace(errors.String()))
	}
	var ins []bpf.RawInstruction
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n")[1:] {
		var in bpf.RawInstruction
		if _, err := fmt.Sscan(line, &in.Op, &in.Jt, &in.Jf, &in.K); err != nil {
			t.Fatalf("read %q: %v", line, err)
		}
		ins = append(ins, in)
	}
	return ins, nil
}

// loop interprets programs that may jump backwards, as libpcap's for
// protochain do; it gives up after many steps.
func loop(ins []bpf.RawInstruction, c capture, m *meta) bool {
	backwards := false
	for i, in := range ins {
		backwards = backwards || in.Op == opJmp && int32(in.K) < 0
		_ = i
	}
	if !backwards {
		return run(ins, c.data, uint32(c.wire), m) != 0
	}
	return false
}

func TestSmoke(t *testing.T) {
	for _, l := range linkNames {
		cs := captures(l.link)
		bad, errs, longer := 0, 0, 0
		exprs := section(t, "testdata/filters.txt", l.name)
		our, their := 0, 0
		for _, expr := range exprs {
			f, err := Compile(expr, Options{Link: l.link})
			want, terr := tcpdump(t, []string{"-y", l.pcap}, expr)
			if err != nil || terr != nil {
				t.Logf("%s: %s: ours %v, tcpdump %v", l.name, expr, err, terr)
				errs++
				continue
			}
			our += len(f.ins)
			their += len(want)
			if len(f.ins) > len(want) {
				longer++
				t.Logf("longer: %s: %d, %d", expr, len(f.ins), len(want))
			}
			if strings.Contains(expr, "protochain") {
				continue
			}
			n := 0
			for _, c := range cs {
				if f.Matches(c.data, c.wire) != loop(want, c, nil) {
					n++
				}
			}
			if n > 0 {
				bad++
				t.Errorf("%s: %q: %d of %d differ", l.name, expr, n, len(cs))
			}
		}
		t.Logf("%s: %d filters, %d captures, %d errors, %d bad, %d longer, instructions %d, tcpdump's %d", l.name, len(exprs), len(cs), errs, bad, longer, our, their)
	}
}
