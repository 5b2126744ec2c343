package netnstest

import (
	"errors"
	"os"
	"strings"
	"testing"
)

func TestAdd(t *testing.T) {
	Need(t)
	var paths []string
	t.Run("with two namespaces", func(t *testing.T) {
		a, b := Add(t), Add(t)
		paths = []string{Path(a), Path(b)}
		for _, p := range paths {
			if _, err := os.Stat(p); err != nil {
				t.Error(err)
			}
		}
		Veth(t, a, "va", b, "vb")
		Run(t, "ip", "-n", b, "link", "set", "vb", "address", "02:00:00:00:00:0b")
		if got := strings.TrimSpace(In(t, b, "cat", "/sys/class/net/vb/address")); got != "02:00:00:00:00:0b" {
			t.Errorf("the address of vb is %q", got)
		}
		if strings.Contains(In(t, a, "ip", "link"), "vb:") {
			t.Error("both ends are in the first namespace")
		}
		Run(t, "ip", "netns", "del", b) // what a test removes itself is no trouble
	})
	for _, p := range paths {
		if _, err := os.Stat(p); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is still there: %v", p, err)
		}
	}
}

func TestRunTellsWhatFailed(t *testing.T) {
	if _, err := run("sh", "-c", "echo no such thing >&2; exit 3"); err == nil || !strings.Contains(err.Error(), "no such thing") {
		t.Errorf("got %v", err)
	}
}
