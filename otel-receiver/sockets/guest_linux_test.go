package sockets

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/guest"
)

// The tests that need a kernel pass on an older one too: this test binary runs
// them in a guest with Debian's Linux 6.1.
func TestGuest(t *testing.T) {
	if os.Getenv("SKEIN_GUEST") != "" {
		t.Skip("runs on the host of the guest")
	}
	if testing.Short() {
		t.Skip("boots a guest")
	}
	im, err := guest.Prepare(t.Context())
	var none *guest.UnavailableError
	if errors.As(err, &none) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err = im.Run(t.Context(), guest.Options{Stdout: &out, Stderr: &out, Timeout: 5 * time.Minute},
		self, "-test.run=^TestLive", "-test.v", "-test.timeout=4m")
	if err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	if strings.Contains(out.String(), "--- SKIP") || !strings.Contains(out.String(), "--- PASS") {
		t.Errorf("not all ran:\n%s", out.String())
	}
}
