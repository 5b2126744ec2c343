package guest

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// image prepares the guest's image or skips the test.
func image(t *testing.T) *Image {
	t.Helper()
	if testing.Short() {
		t.Skip("boots a guest")
	}
	im, err := Prepare(t.Context())
	var none *UnavailableError
	if errors.As(err, &none) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return im
}

func TestRunCommand(t *testing.T) {
	t.Setenv("SKEIN_TEST_SECRET", "must not pass")
	im := image(t)
	out := t.TempDir()
	marker := filepath.Join(t.TempDir(), "marker")
	var stdout, stderr bytes.Buffer
	err := im.Run(t.Context(), Options{
		Stdout: &stdout, Stderr: &stderr, Out: out, Env: []string{"GREETING=it's me", "OUT=" + out},
	}, "sh", "-c", `uname -r; id -u; echo "$GREETING"; printf 'a\0b' >"$OUT/file"; echo x >"$0"
env >&2; ip -o link | wc -l; exit 42`, marker)
	var exit *ExitError
	if !errors.As(err, &exit) || exit.Code != 42 {
		t.Fatalf("exit status: %v, want 42", err)
	}
	if got, want := stdout.String(), im.Release+"\n0\nit's me\n1\n"; got != want {
		t.Errorf("standard output %q, want %q", got, want)
	}
	if strings.Contains(stderr.String(), "SECRET") || !strings.Contains(stderr.String(), "SKEIN_GUEST=1") {
		t.Errorf("environment in the guest:\n%s", stderr.String())
	}
	if b, err := os.ReadFile(filepath.Join(out, "file")); err != nil || string(b) != "a\x00b" {
		t.Errorf("file of the output folder: %q, %v", b, err)
	}
	if _, err := os.Stat(marker); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the guest wrote to this machine: %v", err)
	}
}

func TestRunExtraModules(t *testing.T) {
	im := image(t)
	if im.NoExtra != "" {
		t.Skip(im.NoExtra)
	}
	var stdout bytes.Buffer
	err := im.Run(t.Context(), Options{Stdout: &stdout}, "sh", "-ec", `modprobe netdevsim; modprobe bareudp
echo "1 1" >/sys/bus/netdevsim/new_device; echo 2 >/sys/bus/netdevsim/devices/netdevsim1/sriov_numvfs
ip link | grep -c 'vf [01] '`)
	if err != nil || stdout.String() != "2\n" {
		t.Errorf("virtual functions: %q, %v, want 2", stdout.String(), err)
	}
}

func TestRunCrash(t *testing.T) {
	im := image(t)
	err := im.Run(t.Context(), Options{}, "sh", "-c", "echo c >/proc/sysrq-trigger; sleep 100")
	var crash *CrashError
	if !errors.As(err, &crash) || !strings.Contains(crash.Console, "sysrq triggered crash") {
		t.Errorf("panic of the guest: %v", err)
	}
}

func TestRunTimeout(t *testing.T) {
	im := image(t)
	err := im.Run(t.Context(), Options{Timeout: 2 * time.Second}, "sleep", "100")
	var crash *CrashError
	if !errors.As(err, &crash) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("timeout: %v", err)
	}
}

func TestRunBadArguments(t *testing.T) {
	im := &Image{Dir: filepath.Join(t.TempDir(), "image")}
	if err := im.Run(t.Context(), Options{}); err == nil {
		t.Error("no command: no error")
	}
	if err := im.Run(t.Context(), Options{Out: filepath.Join(t.TempDir(), "a,b")}, "true"); err == nil {
		t.Error("folder with a comma: no error")
	}
}
