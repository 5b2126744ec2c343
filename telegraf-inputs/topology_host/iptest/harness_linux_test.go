package iptest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/netns/netnstest"
)

// guestEnv is set for the test binary that runs in the guest.
const guestEnv = "SKEIN_GUEST"

func inGuest() bool { return os.Getenv(guestEnv) != "" }

// needRoot skips a test that cannot make namespaces here.
func needRoot(t *testing.T) {
	t.Helper()
	netnstest.Need(t)
	if _, err := exec.LookPath("bridge"); err != nil {
		t.Skip("needs the bridge tool of iproute2")
	}
}

// lab is a set of namespaces that the test made, and what the probe says of
// them.
type lab struct {
	t testing.TB
	// names are the namespaces by the names that scripts use: A, B, C, D.
	names map[string]string
	state *State
	host  string
	// patience is how long the probe may take to say what is true.
	patience time.Duration
	// compared are the kinds found equal.
	compared map[string]bool
}

const testHost = "iptest-host"

// newLab makes the namespaces A, B and C; D is only given a name. All are
// deleted at the end of the test.
func newLab(t testing.TB) *lab {
	t.Helper()
	var id [4]byte
	if _, err := rand.Read(id[:]); err != nil {
		t.Fatal(err)
	}
	l := &lab{t: t, names: map[string]string{}, host: testHost, patience: time.Minute, compared: map[string]bool{}}
	if inGuest() {
		l.patience = time.Minute
	}
	for _, n := range []string{"A", "B", "C", "D"} {
		l.names[n] = "skc-" + hex.EncodeToString(id[:]) + "-" + strings.ToLower(n)
	}
	t.Cleanup(func() {
		for _, name := range l.names {
			// D may be gone, or never have been.
			if _, err := os.Stat(runNetNS + "/" + name); err == nil {
				if out, err := exec.Command("ip", "netns", "del", name).CombinedOutput(); err != nil {
					t.Errorf("delete namespace %s: %v: %s", name, err, out)
				}
			}
		}
	})
	for _, n := range []string{"A", "B", "C"} {
		l.must("ip netns add $" + n)
		l.quiet(l.names[n])
	}
	return l
}

// quiet keeps a namespace from starting traffic of its own, which would fill
// tables while they are compared.
func (l *lab) quiet(name string) {
	l.must("ip netns exec " + name + ` sh -c '
		echo 0 >/proc/sys/net/ipv6/conf/default/router_solicitations
		echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad'`)
}

// sh runs a script with the namespaces' names as variables.
func (l *lab) sh(script string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, "sh", "-exc", batched(script))
	c.Env = os.Environ()
	for k, v := range l.names {
		c.Env = append(c.Env, k+"="+v)
	}
	if out, err := c.CombinedOutput(); err != nil {
		// The shell traces what it runs: the end shows the command that failed.
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		return fmt.Errorf("%w: %s", err, strings.Join(lines[max(0, len(lines)-3):], "; "))
	}
	return nil
}

func (l *lab) must(script string) {
	l.t.Helper()
	if err := l.sh(script); err != nil {
		l.t.Fatalf("run script: %v", err)
	}
}

// settle compares the namespaces until both sides agree or the patience ends,
// and reports what is different then.
func (l *lab) settle(what string, names ...string) *Result {
	l.t.Helper()
	all := make([]string, len(names))
	for i, n := range names {
		all[i] = l.names[n]
	}
	started := time.Now()
	wait := 20 * time.Millisecond
	for {
		w, err := Read(context.Background(), l.host, all...)
		var r *Result
		if err == nil {
			r = Compare(w, l.state)
			if r.Equal() {
				for kind := range r.Links {
					l.compared[kind] = true
				}
				l.t.Logf("%s: equal after %v: links %v, relationships %v", what, time.Since(started).Round(time.Millisecond), r.Links, r.Relations)
				return r
			}
		}
		if time.Since(started) > l.patience {
			if err != nil {
				l.t.Fatalf("%s: %v", what, err)
			}
			l.t.Errorf("%s: %d differences\n%s", what, len(r.Differences), Report(r.Differences))
			// What is wrong for so long often stays so: do not wait for it again.
			l.patience = min(l.patience, 5*time.Second)
			return r
		}
		<-time.After(wait)
		wait = min(2*wait, time.Second)
	}
}

// make runs the setups and returns the kinds that this kernel has not got,
// each with the reason.
func (l *lab) make(setups []setup) (missing map[string]error) {
	l.t.Helper()
	missing = map[string]error{}
	for _, s := range setups {
		if s.guest && !inGuest() {
			missing[s.kind] = errors.New("only tried in the guest")
			continue
		}
		if err := l.sh(s.script); err != nil {
			missing[s.kind] = err
			if !s.guest {
				l.t.Errorf("make %s: %v", s.kind, err)
			}
		}
	}
	return missing
}

func sortedKeys[V any](m map[string]V) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
