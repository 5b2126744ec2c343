package iptest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// TestThisKernel compares what the probe says with what the tools say on the
// kernel of this machine, before and after changes.
func TestThisKernel(t *testing.T) {
	needRoot(t)
	l := newLab(t)
	l.startProbe()
	l.must(base)
	l.make(setups)
	l.must(tablesScript)
	l.walk(t)
}

// minKinds is how many kinds of link the guest must show at least.
const minKinds = 25

// TestInGuest is the part of TestGuest that runs there: all kinds of link.
func TestInGuest(t *testing.T) {
	if !inGuest() {
		t.Skip("runs inside the guest of TestGuest")
	}
	needRoot(t)
	l := newLab(t)
	l.must(base)
	missing := l.make(setups)
	l.must(tablesScript)
	if err := l.sh(tablesGuest); err != nil {
		t.Errorf("tables of the guest: %v", err)
	}
	// The probe finds most of it there, and sees the rest come.
	l.startProbe()
	l.walk(t)
	for _, s := range setups {
		t.Run("kind/"+s.kind, func(t *testing.T) {
			if err := missing[s.kind]; err != nil {
				t.Skip(err)
			}
			if s.kind != kindSRIOV && !l.compared[s.kind] {
				t.Errorf("no link of kind %s was found equal", s.kind)
			}
		})
	}
	if _, gone := missing[kindSRIOV]; !gone && l.compared["device"] {
		l.compared[kindSRIOV] = true
	}
	delete(l.compared, "device")
	t.Logf("%d kinds compared: %s", len(l.compared), strings.Join(sortedKeys(l.compared), " "))
	if len(l.compared) < minKinds {
		t.Errorf("%d kinds compared, want at least %d", len(l.compared), minKinds)
	}
}

// walk compares, then does the steps and compares after each, and ends a
// namespace at last.
func (l *lab) walk(t *testing.T) {
	t.Helper()
	settle := func(what, script string, names ...string) {
		t.Run(strings.ReplaceAll(what, " ", "_"), func(t *testing.T) {
			outer := l.t
			l.t = t
			defer func() { l.t = outer }()
			if err := l.sh(script); err != nil {
				t.Errorf("run script: %v", err)
			}
			l.settle(what, names...)
		})
	}
	settle("at start", "", "A", "B", "C")
	names := []string{"A", "B", "C"}
	for _, s := range steps {
		if strings.Contains(s.script, "netns add $D") {
			names = append(names, "D")
		}
		settle(s.name, s.script, names...)
	}
	t.Run("a_namespace_ends", func(t *testing.T) {
		w, err := Read(context.Background(), l.host, l.names["D"])
		if err != nil {
			t.Fatal(err)
		}
		l.must("ip netns del $D")
		l.gone(t, w.Namespaces[l.names["D"]])
	})
	settle("its peers are gone too", "", "A", "B", "C")
}

// gone waits until nothing is said of a namespace any more.
func (l *lab) gone(t *testing.T, n *Namespace) {
	t.Helper()
	deadline := time.Now().Add(l.patience)
	for {
		ds := Gone(l.host, n, l.state)
		if len(ds) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d differences\n%s", len(ds), Report(ds))
		}
		<-time.After(50 * time.Millisecond)
	}
}

// TestReadErrors checks that what cannot be read is an error.
func TestReadErrors(t *testing.T) {
	if _, err := Read(t.Context(), testHost, "skc-no-such-namespace"); err == nil {
		t.Error("no error for a namespace that does not exist")
	}
	if _, err := run(t.Context(), "", "no-such-program"); err == nil {
		t.Error("no error for a program that does not exist")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := run(ctx, "", "sh", "-c", "sleep 1"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
