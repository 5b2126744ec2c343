package ebpf

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/cilium/ebpf"
)

func needRoot(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("loads programs; runs without -short")
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root to load programs")
	}
}

// TestVerifier loads the programs as they are configured, and tells how much the
// verifier had to look at.
func TestVerifier(t *testing.T) {
	needRoot(t)
	for name, tc := range map[string]struct {
		raw  bool
		snap int
	}{"ethernet": {false, 0}, "raw": {true, 0}, "large": {false, LargeSample}} {
		t.Run(name, func(t *testing.T) {
			begin := time.Now()
			p, err := load(Config{SnapLen: tc.snap}.withDefaults(), tc.raw)
			var verr *ebpf.VerifierError
			if errors.As(err, &verr) {
				n := len(verr.Log)
				t.Fatalf("%v\n%q", err, verr.Log[max(0, n-40):])
			}
			if err != nil {
				t.Fatal(err)
			}
			defer p.close()
			for _, prog := range []*ebpf.Program{p.in, p.out, p.test} {
				info, err := prog.Info()
				if err != nil {
					t.Fatal(err)
				}
				n, _ := info.VerifiedInstructions()
				t.Logf("%s: %d instructions verified, all loaded after %s", info.Name, n, time.Since(begin))
			}
		})
	}
}
