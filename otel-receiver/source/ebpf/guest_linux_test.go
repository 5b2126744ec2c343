package ebpf

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/guest"
)

// inGuest is set in the guest.
const inGuest = "SKEIN_EBPF_GUEST"

// TestGuest runs tests of this package on Debian's
// Linux 6.1, which has no tcx and another verifier.
func TestGuest(t *testing.T) {
	if os.Getenv(inGuest) != "" {
		t.Skip("this is the guest")
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
	err = im.Run(t.Context(), guest.Options{Stdout: &out, Stderr: &out, Timeout: 9 * time.Minute, Env: []string{inGuest + "=1"}},
		self, "-test.v", "-test.timeout=8m", "-test.run=^Test(KernelOfGuest|Verifier|Counts|Matrix|Conversations|Split|SplitForwarded|Filter|NothingLeft|OthersStay|Abandoned|InterfaceDeleted|Detached)$")
	var failed []string
	for line := range strings.Lines(out.String()) {
		if s := strings.TrimSpace(line); strings.HasPrefix(s, "--- ") {
			t.Log(s)
			if strings.HasPrefix(s, "--- FAIL") {
				failed = append(failed, s)
			}
		}
	}
	if err != nil || len(failed) > 0 {
		t.Errorf("%v\n%s", err, out.String())
	}
	if !strings.Contains(out.String(), "--- PASS: TestCounts") {
		t.Error("the guest did not run TestCounts")
	}
}

// TestKernelOfGuest checks that the fallbacks are what runs in the guest.
func TestKernelOfGuest(t *testing.T) {
	if os.Getenv(inGuest) == "" {
		t.Skip("runs in the guest")
	}
	f := Probe()
	if !f.Usable || f.TCX || !f.Batch || len(f.Problems()) != 1 || f.Problems()[0].Feature != FeatureTCX {
		t.Errorf("%+v", f)
	}
	t.Logf("%+v", f)
}
