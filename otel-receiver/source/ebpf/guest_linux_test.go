package ebpf

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/guest/guesttest"
)

// inGuest is set in the guest.
const inGuest = "SKEIN_GUEST"

// TestGuest runs tests of this package on Debian's
// Linux 6.1, which has no tcx and another verifier.
func TestGuest(t *testing.T) {
	r := guesttest.Run(t, guesttest.Options{
		Tests:   "^Test(KernelOfGuest|Verifier|Counts|Matrix|Conversations|Split|SplitForwarded|Filter|NothingLeft|OthersStay|Abandoned|InterfaceDeleted|Detached)$",
		Timeout: 12 * time.Minute,
	})
	if !slices.Contains(r.Names(guesttest.Pass), "TestCounts") {
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
