package guesttest

import (
	"bytes"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/guest"
)

// Options say which tests run in a guest. All but Tests may be left out.
type Options struct {
	// Tests is the pattern of their names, as -test.run takes it.
	Tests string
	// Timeout ends the tests, 0 is 8 minutes: without KVM, beside others, a guest is
	// more than ten times slower than this machine. It does not count the wait for
	// other guests.
	Timeout time.Duration
	// Env and MemoryMB are those of [guest.Options].
	Env      []string
	MemoryMB int
}

const (
	defaultTimeout = 8 * time.Minute
	// bootTime is what the guest may take besides.
	bootTime = time.Minute
)

// Run has tests of this binary run in a guest, and t fail when one of them does,
// none runs or the guest ends early; then it logs [Results]. In the guest itself,
// with -short and where no guest can be had it skips t.
func Run(t *testing.T, o Options) Results {
	t.Helper()
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
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	var out bytes.Buffer
	err = im.Run(t.Context(), guest.Options{Stdout: &out, Stderr: &out, Timeout: o.Timeout + bootTime, Env: o.Env, MemoryMB: o.MemoryMB},
		self, "-test.v", "-test.run="+o.Tests, "-test.timeout="+o.Timeout.String())
	r := Parse(out.String())
	var crash *guest.CrashError
	switch {
	case errors.As(err, &crash):
		t.Errorf("the guest ended before its tests: %v\n%sits console ends with:\n%s", crash.Err, r, crash.Console)
	case err != nil || len(r.Names(Fail))+len(r.Names(Unfinished)) > 0:
		t.Errorf("%v\n%s", err, r)
	case len(r.Names(Pass)) == 0:
		t.Errorf("no test ran in the guest\n%s", r)
	default:
		t.Log("\n" + r.String())
	}
	return r
}
