package drops

import (
	"testing"

	"github.com/skein-net/skein/internal/guest/guesttest"
)

// The tests that need a kernel pass on an older one too: this test binary runs
// them in a guest with Debian's Linux 6.1.
func TestGuest(t *testing.T) {
	r := guesttest.Run(t, guesttest.Options{Tests: "^TestLive"})
	if skipped := r.Names(guesttest.Skip); len(skipped) > 0 {
		t.Errorf("not all ran:\n%s", r)
	}
}
