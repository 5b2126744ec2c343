package lldpcli

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/netns"
	"github.com/skein-net/skein/internal/netns/netnstest"
	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/telegraf-inputs/internal/feed"
	"github.com/skein-net/skein/telegraf-inputs/internal/feedtest"
	"github.com/skein-net/skein/telegraf-inputs/topology_lldp/lldptest"
	"github.com/skein-net/skein/telegraf-inputs/topology_lldp/neighbor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const limit = 10 * time.Second

func follow(t *testing.T, change func(*Config)) (*feedtest.World, *feed.Feed, *Source) {
	t.Helper()
	cfg := DefaultConfig()
	cfg.HostID = "h1"
	change(&cfg)
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	w, f := feedtest.Follow(t, neighbor.Source("h1"), s)
	return w, f, s
}

// ports returns the names of the ports, and of the switches.
func ports(s feedtest.State) (out []string) {
	for _, ev := range s.All(entity.TypeSwitchPort) {
		sw, _ := s.Entity(entity.SwitchRef(ev.ID.Get(entity.IDChassis)))
		out = append(out, feedtest.Text(&sw, "Name")+"/"+feedtest.Text(&ev, "Name"))
	}
	return out
}

func expect(t *testing.T, w *feedtest.World, what string, want ...string) {
	t.Helper()
	w.Eventually(t, limit, what, func(s feedtest.State) error {
		if got := ports(s); strings.Join(got, ",") != strings.Join(want, ",") {
			return fmt.Errorf("%v, want %v", got, want)
		}
		return nil
	})
}

// TestLLDPD takes what a real lldpd hears of another.
func TestLLDPD(t *testing.T) {
	lldptest.Need(t)
	host, peer := netnstest.Add(t), netnstest.Add(t)
	netnstest.Veth(t, host, "eth0", peer, "eth0")
	netnstest.Run(t, "ip", "-n", host, "link", "set", "eth0", "up")
	netnstest.Run(t, "ip", "-n", peer, "link", "set", "eth0", "up")
	near := lldptest.Start(t, host, "near", 3)
	far := lldptest.Start(t, peer, "far", 120)
	w, f, _ := follow(t, func(c *Config) { c.Socket = near.Socket })

	expect(t, w, "the far one is heard", "far/eth0")
	id, err := netns.Stat(netnstest.Path(host))
	if err != nil {
		t.Fatal(err)
	}
	index := strings.TrimSpace(netnstest.In(t, host, "cat", "/sys/class/net/eth0/ifindex"))
	w.See(func(s feedtest.State) {
		ev, _ := s.Find(entity.TypeSwitchPort, "Name", "eth0")
		if !feedtest.Related(&ev, entity.RelPeerOf, entity.InterfaceRef("h1", strconv.FormatUint(id.Inode, 10), index)) {
			t.Errorf("joined to %v", ev.Relationships)
		}
	})
	far.Configure("system", "hostname", "renamed")
	expect(t, w, "its new name", "renamed/eth0")
	far.Stop()
	expect(t, w, "it was stopped")
	near.Stop()
	proctest.Eventually(t, limit, "the end of lldpd is a break", func() error {
		if s := f.Stats(); s.Connected || s.Breaks == 0 {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
}

// fake stands for lldpd and lldpcli: a socket that nobody reads, and a script
// that prints a file.
func fake(t *testing.T, watch string) (cfg func(*Config), set func(string)) {
	t.Helper()
	dir := t.TempDir()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	set = func(text string) {
		t.Helper()
		tmp := filepath.Join(dir, "tmp")
		if err := errors.Join(os.WriteFile(tmp, []byte(text), 0o600), os.Rename(tmp, filepath.Join(dir, "answer"))); err != nil {
			t.Fatal(err)
		}
	}
	script := "#!/bin/sh\ncase \"$*\" in\n*watch*) " + watch + " ;;\n*) cat " + dir + "/answer ;;\nesac\n"
	if err := os.WriteFile(filepath.Join(dir, "lldpcli"), []byte(script), 0o700); err != nil { //nolint:gosec // it is run
		t.Fatal(err)
	}
	return func(c *Config) {
		c.Socket, c.Command = filepath.Join(dir, "s"), filepath.Join(dir, "lldpcli")
		c.Refresh = 50 * time.Millisecond
	}, set
}

const one = `{"lldp":[{"interface":[{"name":"lo","via":"LLDP","chassis":[{"id":[{"type":"local","value":"%s"}],"name":[{"value":"%s"}]}],"port":[{"id":[{"type":"ifname","value":"p"}],"ttl":[{"value":"120"}]}]}]}]}`

// TestFake: refreshed without a word, broken answers, unknown interfaces.
func TestFake(t *testing.T) {
	cfg, set := fake(t, "exec sleep 60")
	set(fmt.Sprintf(one, "a", "a"))
	w, f, s := follow(t, cfg)
	expect(t, w, "the first", "a/p")
	set(fmt.Sprintf(one, "b", "b"))
	expect(t, w, "another, seen by the refresh", "b/p")
	set(strings.ReplaceAll(fmt.Sprintf(one, "b", "b"), `"lo"`, `"nosuch0"`))
	expect(t, w, "at an interface that is not there")
	if s.Stats().Ignored == 0 {
		t.Error("it was not counted")
	}
	set("not JSON")
	proctest.Eventually(t, limit, "a broken answer is a break", func() error {
		if f.Stats().Breaks == 0 || s.Stats().Other == 0 {
			return fmt.Errorf("%+v", f.Stats())
		}
		return nil
	})
	set(fmt.Sprintf(one, "c", "c"))
	expect(t, w, "and over again", "c/p")
}

// TestWatchEnds: lldpcli that ends at once is a break, not a busy loop.
func TestWatchEnds(t *testing.T) {
	cfg, set := fake(t, "echo no rights >&2; exit 1")
	set(`{}`)
	_, f, _ := follow(t, cfg)
	proctest.Eventually(t, limit, "a break", func() error {
		if f.Stats().Breaks < 2 {
			return fmt.Errorf("%+v", f.Stats())
		}
		return nil
	})
}

// TestAbsent: no lldpd, no program.
func TestAbsent(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"no socket":  func(c *Config) { c.Socket = filepath.Join(t.TempDir(), "s") },
		"no program": func(c *Config) { c.Command = "no-such-lldpcli" },
	} {
		cfg, set := fake(t, "exec sleep 60")
		set(`{}`)
		_, f, _ := follow(t, func(c *Config) { cfg(c); change(c) })
		proctest.Eventually(t, limit, name, func() error {
			if f.Stats().Breaks == 0 {
				return fmt.Errorf("%+v", f.Stats())
			}
			return nil
		})
		f.Stop()
	}
	for _, change := range []func(*Config){
		func(c *Config) { c.Socket = "" }, func(c *Config) { c.LLDP, c.CDP = false, false },
		func(c *Config) { c.MaxNeighbors = 0 }, func(c *Config) { c.Refresh = 0 },
	} {
		cfg := DefaultConfig()
		change(&cfg)
		if _, err := New(cfg); err == nil {
			t.Error("no error")
		}
	}
}
