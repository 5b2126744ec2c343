package filter

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/net/bpf"
)

// go test -run TestTcpdump -update writes tcpdump's verdicts to testdata.
var (
	update = flag.Bool("update", false, "write tcpdump's verdicts to testdata")
	seed   = flag.Uint64("seed", 1, "what random filters are made of")
)

const verdictFile = "testdata/verdicts.txt"

// runTcpdump runs the tcpdump that is installed. The error has what it says.
func runTcpdump(t testing.TB, args ...string) ([]byte, error) {
	t.Helper()
	path, err := exec.LookPath("tcpdump")
	if err != nil {
		t.Skip("tcpdump is not installed")
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil, fmt.Errorf("%w: %s", err, bytes.TrimSpace(exit.Stderr))
	}
	return out, err
}

// writeFile writes captures as a pcap file; the time of each is its number.
func writeFile(t testing.TB, l Link, list []capture) string {
	t.Helper()
	b := binary.LittleEndian.AppendUint32(nil, 0xa1b2c3d4)
	b = binary.LittleEndian.AppendUint32(b, 2|4<<16)
	b = append(b, make([]byte, 8)...)
	b = binary.LittleEndian.AppendUint32(b, DefaultSnapLen)
	b = binary.LittleEndian.AppendUint32(b, uint32(l))
	for i, c := range list {
		for _, v := range []int{i, 0, len(c.data), c.wire} {
			b = binary.LittleEndian.AppendUint32(b, uint32(v))
		}
		b = append(b, c.data...)
	}
	name := filepath.Join(t.TempDir(), "frames.pcap")
	if err := os.WriteFile(name, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

// asked gives tcpdump's verdicts on a file of n packets.
func asked(t testing.TB, file string, n int, expr string) ([]bool, error) {
	t.Helper()
	out, err := runTcpdump(t, "-r", file, "-w", "-", "--", expr)
	if err != nil {
		return nil, err
	}
	verdicts := make([]bool, n)
	for out = out[24:]; len(out) > 0; {
		verdicts[binary.LittleEndian.Uint32(out)] = true
		out = out[16+binary.LittleEndian.Uint32(out[8:]):]
	}
	return verdicts, nil
}

// digest sums verdicts up.
func digest(verdicts []bool) string {
	h := fnv.New64a()
	n := 0
	for _, v := range verdicts {
		if v {
			n++
			h.Write([]byte{1})
		} else {
			h.Write([]byte{0})
		}
	}
	return fmt.Sprintf("%d/%d %016x", n, len(verdicts), h.Sum64())
}

func (f *Filter) verdicts(list []capture) []bool {
	v := make([]bool, len(list))
	for i, c := range list {
		v[i] = f.Matches(c.data, c.wire)
	}
	return v
}

// differ names the first captures that two lists of verdicts disagree on.
func differ(list []capture, ours, theirs []bool) string {
	var b strings.Builder
	n := 0
	for i := range ours {
		if ours[i] != theirs[i] {
			if n++; n <= 3 {
				fmt.Fprintf(&b, "\n  %d: ours %v, wire %d: %x", i, ours[i], list[i].wire, list[i].data)
			}
		}
	}
	return fmt.Sprintf("%d of %d verdicts differ%s", n, len(ours), b.String())
}

// The verdicts on every frame are those of a run of tcpdump itself, which has
// its own compiler and interpreter.
func TestTcpdump(t *testing.T) {
	if testing.Short() {
		t.Skip("runs tcpdump hundreds of times")
	}
	var record strings.Builder
	record.WriteString("# The verdicts of tcpdump on the frames of the test: link, matches/frames, hash, filter.\n")
	for _, l := range linkNames {
		list := captures(l.link)
		file := writeFile(t, l.link, list)
		filters, ours, longer := 0, 0, 0
		for _, expr := range section(t, "testdata/filters.txt", l.name) {
			want, err := asked(t, file, len(list), expr)
			if err != nil {
				t.Errorf("tcpdump refuses %q on %s: %v", expr, l.name, err)
				continue
			}
			fmt.Fprintf(&record, "%s\t%s\t%s\n", l.name, digest(want), expr)
			f, err := Compile(expr, Options{Link: l.link})
			if err != nil {
				t.Errorf("compile %q for %s: %v", expr, l.name, err)
				continue
			}
			got := f.verdicts(list)
			if digest(got) != digest(want) {
				t.Errorf("%q on %s: %s", expr, l.name, differ(list, got, want))
			}
			filters++
			ours += len(f.ins)
			if theirs, err := programs(t, l.pcap, expr); err == nil && len(f.ins) > len(theirs) {
				longer++
			}
		}
		t.Logf("%s: %d filters, %d frames, %d instructions, %d programs longer than tcpdump's", l.name, filters, len(list), ours, longer)
	}
	if *update {
		if err := os.WriteFile(verdictFile, []byte(record.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// programs gives tcpdump's program of a filter.
func programs(t testing.TB, link, expr string) ([]bpf.RawInstruction, error) {
	t.Helper()
	args := []string{"-y", link, "-ddd", "--", expr}
	if link == "" {
		args = []string{"-i", "lo", "-ddd", "--", expr}
	}
	out, err := runTcpdump(t, args...)
	if err != nil {
		return nil, err
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

// The same verdicts as recorded, for those who have no tcpdump.
func TestRecordedVerdicts(t *testing.T) {
	raw, err := os.ReadFile(verdictFile)
	if err != nil {
		t.Fatal(err)
	}
	type key struct{ link, expr string }
	want := make(map[key]string)
	for line := range strings.Lines(string(raw)) {
		if f := strings.Split(strings.TrimSpace(line), "\t"); len(f) == 3 {
			want[key{f[0], f[2]}] = f[1]
		}
	}
	for _, l := range linkNames {
		list := captures(l.link)
		for _, expr := range section(t, "testdata/filters.txt", l.name) {
			f, err := Compile(expr, Options{Link: l.link})
			if err != nil {
				t.Errorf("compile %q for %s: %v", expr, l.name, err)
				continue
			}
			if got := digest(f.verdicts(list)); got != want[key{l.name, expr}] {
				t.Errorf("%q on %s: %s, tcpdump has %s", expr, l.name, got, want[key{l.name, expr}])
			}
		}
	}
}

// What tcpdump refuses is refused.
func TestTcpdumpRefuses(t *testing.T) {
	for _, expr := range section(t, "testdata/refused.txt", "both") {
		if _, err := Compile(expr, Options{Link: LinkEthernet}); err == nil {
			t.Errorf("%q compiles", expr)
		}
		if _, err := programs(t, "EN10MB", expr); err == nil {
			t.Errorf("tcpdump compiles %q", expr)
		}
	}
}
