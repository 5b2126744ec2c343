package iptest

import (
	"strings"
	"testing"

	"github.com/skein-net/skein/internal/guest/guesttest"
)

// TestGuest runs this test binary's TestInGuest in a guest with Debian's
// kernel, which has the kinds of link that the kernel of a test machine often
// lacks, and reports what its parts found as its own.
func TestGuest(t *testing.T) {
	r := guesttest.Run(t, guesttest.Options{Tests: "^TestInGuest$"})
	for _, o := range r.Tests {
		_, inner, found := strings.Cut(o.Name, "/")
		if !found {
			continue
		}
		t.Run(inner, func(t *testing.T) {
			switch o.Verdict {
			case guesttest.Pass:
				t.Log(strings.TrimSpace(o.Log))
			case guesttest.Skip:
				t.Skip(strings.TrimSpace(o.Log))
			default:
				t.Error(o.Log)
			}
		})
	}
}
