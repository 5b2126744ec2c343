package iptest

import (
	"fmt"
	"strings"
	"testing"
)

// batched rewrites a script so that commands of `ip` in one namespace which
// follow each other run in one process: in an emulated guest starting one
// takes longer than what it does. Lines of a single simple command, or of
// several with semicolons between, are taken; all others stay as they are.
func batched(script string) string {
	var out strings.Builder
	var ns string
	var batch []string
	flush := func() {
		if len(batch) > 0 {
			fmt.Fprintf(&out, "ip -n %s -batch - <<EOF\n%s\nEOF\n", ns, strings.Join(batch, "\n"))
			batch = nil
		}
	}
	for line := range strings.Lines(script) {
		commands := strings.Split(strings.TrimSpace(line), ";")
		if !simple(line, commands) {
			flush()
			out.WriteString(strings.TrimRight(line, "\n") + "\n")
			continue
		}
		for _, c := range commands {
			f := strings.SplitN(strings.TrimSpace(c), " ", 4)
			if f[2] != ns {
				flush()
				ns = f[2]
			}
			batch = append(batch, f[3])
		}
	}
	flush()
	return out.String()
}

// simple reports whether a line has only commands "ip -n NAMESPACE …" that a
// batch can have.
func simple(line string, commands []string) bool {
	if strings.ContainsAny(line, "|&<>#`()") || strings.Contains(line, "$(") {
		return false
	}
	for _, c := range commands {
		f := strings.SplitN(strings.TrimSpace(c), " ", 4)
		if len(f) < 4 || f[0] != "ip" || f[1] != "-n" || strings.HasPrefix(f[3], "-") {
			return false
		}
	}
	return true
}

func TestBatched(t *testing.T) {
	const script = `
ip -n $A link add x type veth; ip -n $A link set x up
ip -n $A address add 10.0.0.1/8 dev x
for i in 1 2; do ip -n $A link set x$i up; done
ip -n $B link set y up
ip -n $A -6 route flush table 5
ip -n $A link set z up || true
`
	const want = `
ip -n $A -batch - <<EOF
link add x type veth
link set x up
address add 10.0.0.1/8 dev x
EOF
for i in 1 2; do ip -n $A link set x$i up; done
ip -n $B -batch - <<EOF
link set y up
EOF
ip -n $A -6 route flush table 5
ip -n $A link set z up || true
`
	if got := batched(script); got != want {
		t.Errorf("batched:\n%s", got)
	}
}
