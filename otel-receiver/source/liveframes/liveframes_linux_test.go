package liveframes

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/skein-net/skein/internal/netns/netnstest"
)

func TestMain(m *testing.M) {
	if status, child := Main(); child {
		os.Exit(status)
	}
	goleak.VerifyTestMain(m)
}

func TestValidate(t *testing.T) {
	good := Config{NetNS: "/run/netns/x", Interface: "v", Frame: make([]byte, 60), Count: 1, Time: time.Second, Vary: 34, Values: 64}
	if err := good.validate(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*Config){
		"own namespace": func(c *Config) { c.NetNS = "" },
		"a process's":   func(c *Config) { c.NetNS = "/proc/1/ns/net" },
		"no interface":  func(c *Config) { c.Interface = "" },
		"short frame":   func(c *Config) { c.Frame = nil },
		"no bound":      func(c *Config) { c.Count = 0 },
		"no time":       func(c *Config) { c.Time = 0 },
		"long":          func(c *Config) { c.Time = time.Hour },
		"beyond":        func(c *Config) { c.Vary = 59 },
		"odd values":    func(c *Config) { c.Values = 63 },
		"negative rate": func(c *Config) { c.Rate = -1 },
	} {
		c := good
		change(&c)
		if _, err := Run(t.Context(), c); err == nil || !strings.HasPrefix(err.Error(), "configure live frames") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRun checks that a run sends what it is told. That it arrives is checked by
// the tests of captures: the driver's counters do not see live frames.
func TestRun(t *testing.T) {
	ns := netnstest.Add(t)
	netnstest.Veth(t, ns, "va", ns, "vb")
	netnstest.Run(t, "ip", "-n", ns, "link", "set", "va", "up")
	netnstest.Run(t, "ip", "-n", ns, "link", "set", "vb", "up")
	cfg := Config{NetNS: netnstest.Path(ns), Interface: "vb", Frame: make([]byte, 60), Count: 10000, Time: 10 * time.Second}
	for name, f := range map[string]func(context.Context, Config) (Result, error){"here": Run, "child": Child} {
		res, err := f(t.Context(), cfg)
		if err != nil {
			t.Skipf("%s: no live frames: %v", name, err)
		}
		if res.Sent != cfg.Count || res.Took <= 0 {
			t.Errorf("%s: %+v", name, res)
		}
	}
}
