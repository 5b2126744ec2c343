package database_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/database"
	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/ovstest"
)

func dial(t *testing.T, i *ovstest.Instance) *database.Conn {
	t.Helper()
	cfg := database.DefaultConfig()
	cfg.Endpoint = "unix:" + i.DBSocket()
	c, err := database.Dial(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// until calls Next until the copy is as wanted.
func until(t *testing.T, c *database.Conn, what string, cond func(*database.Tables) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for !cond(c.Tables()) {
		if _, err := c.Next(ctx); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
}

func names(t *database.Tables) map[string]bool {
	out := make(map[string]bool)
	for _, i := range t.Interfaces {
		out[i.Name] = true
	}
	return out
}

func TestFollow(t *testing.T) {
	i := ovstest.Start(t, ovstest.Config{})
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	i.AddBridge("br0")
	c := dial(t, i)
	defer c.Close()
	if !names(c.Tables())["br0"] || len(c.Tables().Root) != 1 || len(c.Tables().Bridges) != 1 {
		t.Fatalf("listed %+v", c.Tables())
	}
	i.Vsctl("add-port", "br0", "p0", "--", "set", "interface", "p0", "type=internal")
	until(t, c, "a port is added", func(t *database.Tables) bool {
		for _, i := range t.Interfaces {
			if i.Name == "p0" && i.IfIndex != nil && i.MACInUse != nil {
				return true
			}
		}
		return false
	})
	i.Vsctl("del-port", "p0")
	until(t, c, "a port is deleted", func(t *database.Tables) bool { return !names(t)["p0"] && len(t.Ports) == 1 })
	i.Vsctl("set", "bridge", "br0", "external-ids:a=b")
	until(t, c, "a map changes", func(t *database.Tables) bool {
		for _, b := range t.Bridges {
			return b.ExternalIDs["a"] == "b"
		}
		return false
	})
}

func TestManyPortsFast(t *testing.T) {
	i := ovstest.Start(t, ovstest.Config{})
	i.AddBridge("br0")
	c := dial(t, i)
	var args []string
	for n := range 200 {
		args = append(args, "--", "add-port", "br0", fmt.Sprint("p", n), "--", "set", "interface", fmt.Sprint("p", n), "type=internal")
	}
	i.Vsctl(args[1:]...)
	args = nil
	for n := range 100 {
		args = append(args, "--", "del-port", fmt.Sprint("p", n))
	}
	i.Vsctl(args[1:]...)
	until(t, c, "100 ports are left", func(t *database.Tables) bool {
		return len(t.Ports) == 101 && len(t.Interfaces) == 101 && !names(t)["p99"] && names(t)["p100"]
	})
	if got := len(i.Rows("Interface")); got != 101 {
		t.Fatalf("the database has %d interfaces", got)
	}
}

func TestServerIsKilled(t *testing.T) {
	i := ovstest.Start(t, ovstest.Config{})
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	i.AddBridge("br0")
	c := dial(t, i)
	defer c.Close()
	i.KillDB()
	for {
		_, err := c.Next(t.Context())
		if errors.Is(err, database.ErrClosed) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	cfg := database.DefaultConfig()
	cfg.Endpoint = "unix:" + i.DBSocket()
	if _, err := database.Dial(t.Context(), cfg); err == nil {
		t.Error("connected to nothing")
	}
}

func TestStatistics(t *testing.T) {
	i := ovstest.Start(t, ovstest.Config{})
	i.AddBridge("br0")
	c := dial(t, i)
	proctest.Eventually(t, 20*time.Second, "the bridge's own port has counters", func() error {
		s, err := c.Statistics(t.Context())
		if err != nil {
			return err
		}
		for uuid := range c.Tables().Interfaces {
			if _, ok := s[uuid]["rx_packets"]; !ok {
				return fmt.Errorf("got %v", s)
			}
		}
		return nil
	})
}
