package ofprobe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/telegraf/testutil"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/telegraf-inputs/internal/feedtest"
	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/openflow"
)

const patience = 10 * time.Second

// holds tells that exactly these rules are reported, by name and action.
func holds(want map[string]string) func(feedtest.State) error {
	return func(s feedtest.State) error {
		got := make(map[string]string)
		for _, ev := range s.All(entity.TypeOFRule) {
			got[feedtest.Text(&ev, "Name")] = feedtest.Text(&ev, "ActionsText")
		}
		if !maps.Equal(got, want) {
			return fmt.Errorf("rules are %v, want %v", got, want)
		}
		return nil
	}
}

func TestFollows(t *testing.T) {
	sw := newFakeSwitch(t)
	sw.set(fakeRule{in: 1, out: 2, priority: 7, cookie: 0xabc}, fakeRule{table: 3, in: 1, out: 3, priority: 7})
	sw.groups[9] = 4
	p, w, b := run(t, testConfig(), sw)
	w.Eventually(t, patience, "the rules", holds(map[string]string{
		"table=0,priority=7,in_port=1": "output:2", "table=3,priority=7,in_port=1": "output:3",
	}))
	w.Eventually(t, patience, "the group and the summary", func(s feedtest.State) error {
		g, ok := s.Entity(groupRef(&b, 9))
		if !ok || feedtest.Text(&g, "GroupType") != "all" || feedtest.Text(&g, "Buckets.Actions.Type") != "output" || !feedtest.Related(&g, entity.RelPartOf, b.Ref()) {
			return fmt.Errorf("group is %v", g)
		}
		br, ok := s.Facet(b.Ref(), Source)
		if !ok || feedtest.Text(&br, "OpenFlow.Rules") != "2" || feedtest.Text(&br, "OpenFlow.Groups") != "1" {
			return fmt.Errorf("bridge is %v", br)
		}
		return nil
	})
	w.See(func(s feedtest.State) {
		ev, ok := s.Find(entity.TypeOFRule, "Name", "table=0,priority=7,in_port=1")
		if !ok || !feedtest.Related(&ev, entity.RelPartOf, b.Ref()) {
			t.Errorf("the rule is %v", ev)
		}
		for path, want := range map[string]string{
			"Type": "ofrule", "Cookie": "0xabc", "Table": "0", "Priority": "7", "Filters.Type": "in_port", "Actions.Type": "output",
			"Filters.Value": "1", "UUID": ev.UUID().String(), "IdleTimeout": "0",
		} {
			if got := feedtest.Text(&ev, path); got != want {
				t.Errorf("%s is %q, want %q", path, got, want)
			}
		}
		wantID := map[string]string{"bridge": b.UUID, "database": b.Database, "table": "0", "priority": "7", "match": "in_port=1"}
		if got := maps.Collect(func(yield func(string, string) bool) {
			for _, a := range ev.ID {
				yield(a.Key, a.Value)
			}
		}); !maps.Equal(got, wantID) {
			t.Errorf("the identity is %v", got)
		}
	})

	sw.change(fakeRule{in: 1, out: 5, priority: 7})           // other actions
	sw.change(fakeRule{in: 1, out: 6, priority: 8})           // superimposed
	sw.remove(fakeRule{table: 3, in: 1, out: 3, priority: 7}) // gone
	w.Eventually(t, patience, "the changes", holds(map[string]string{
		"table=0,priority=7,in_port=1": "output:5", "table=0,priority=8,in_port=1": "output:6",
	}))
	st := p.Stats()[b.Name]
	if st.Version != openflow.V13 || !st.Monitored || !st.Connected || st.Changes != 3 {
		t.Errorf("%+v", st)
	}

	p.Sync(nil)
	w.Eventually(t, patience, "the end of the bridge", nothing)
}

// nothing tells that nothing is reported.
func nothing(s feedtest.State) error {
	for _, typ := range []string{entity.TypeOFRule, entity.TypeOFGroup, entity.TypeOvsBridge} {
		if n := len(s.All(typ)); n != 0 {
			return fmt.Errorf("%d of type %s are left", n, typ)
		}
	}
	return nil
}

func TestPollsWithoutMonitor(t *testing.T) {
	sw := newFakeSwitch(t)
	sw.noMonitor = true
	sw.set(fakeRule{in: 1, out: 2})
	p, w, b := run(t, testConfig(), sw)
	w.Eventually(t, patience, "the rule", holds(map[string]string{"table=0,priority=0,in_port=1": "output:2"}))
	sw.set(fakeRule{in: 1, out: 3}, fakeRule{in: 2, out: 2})
	w.Eventually(t, patience, "the next read", holds(map[string]string{
		"table=0,priority=0,in_port=1": "output:3", "table=0,priority=0,in_port=2": "output:2",
	}))
	if st := p.Stats()[b.Name]; st.Monitored || st.Errors == 0 {
		t.Errorf("%+v", st)
	}
}

func TestReconnects(t *testing.T) {
	sw := newFakeSwitch(t)
	sw.set(fakeRule{in: 1, out: 2}, fakeRule{in: 2, out: 2})
	_, w, _ := run(t, testConfig(), sw)
	before := map[string]string{"table=0,priority=0,in_port=1": "output:2", "table=0,priority=0,in_port=2": "output:2"}
	w.Eventually(t, patience, "the rules", holds(before))
	sw.drop()
	sw.set(fakeRule{in: 2, out: 9}, fakeRule{in: 3, out: 2})
	w.Eventually(t, patience, "what changed meanwhile", holds(map[string]string{
		"table=0,priority=0,in_port=2": "output:9", "table=0,priority=0,in_port=3": "output:2",
	}))
}

func TestBridgeGoesWhileDown(t *testing.T) {
	sw := newFakeSwitch(t)
	sw.set(fakeRule{in: 1, out: 2})
	p, w, _ := run(t, testConfig(), sw)
	w.Eventually(t, patience, "the rule", holds(map[string]string{"table=0,priority=0,in_port=1": "output:2"}))
	sw.mu.Lock()
	sw.down = true
	sw.mu.Unlock()
	sw.drop()
	dials := sw.count(&sw.dials)
	proctest.Eventually(t, patience, "another try", func() error {
		if sw.count(&sw.dials) == dials {
			return errors.New("none yet")
		}
		return nil
	})
	w.See(func(s feedtest.State) {
		if err := holds(map[string]string{"table=0,priority=0,in_port=1": "output:2"})(s); err != nil {
			t.Errorf("while the switch is away: %v", err)
		}
	})
	p.Sync(nil)
	w.Eventually(t, patience, "the end of the bridge", nothing)
}

func TestBridgeMoves(t *testing.T) {
	sw := newFakeSwitch(t)
	sw.set(fakeRule{in: 1, out: 2})
	p, w, b := run(t, testConfig(), sw)
	want := holds(map[string]string{"table=0,priority=0,in_port=1": "output:2"})
	w.Eventually(t, patience, "the rule", want)
	dials := sw.count(&sw.dials)
	b.Target = "tcp:127.0.0.1:6653"
	p.Sync([]Bridge{b})
	proctest.Eventually(t, patience, "another connection", func() error {
		if sw.count(&sw.dials) == dials {
			return errors.New("none yet")
		}
		return nil
	})
	w.See(func(s feedtest.State) {
		if s.Deleted != 0 {
			t.Errorf("%d were deleted", s.Deleted)
		}
	})
}

func TestMaxRules(t *testing.T) {
	cfg := testConfig()
	cfg.MaxRules = 100
	sw := newFakeSwitch(t)
	rules := make([]fakeRule, 0, 250)
	for i := range uint32(250) {
		rules = append(rules, fakeRule{in: i + 1, out: 1})
	}
	sw.set(rules...)
	p, w, b := run(t, cfg, sw)
	expect := func(known, total, cut int) {
		t.Helper()
		w.Eventually(t, patience, fmt.Sprintf("%d rules of %d", known, total), func(s feedtest.State) error {
			br, _ := s.Facet(b.Ref(), Source)
			if n := len(s.All(entity.TypeOFRule)); n != known {
				return fmt.Errorf("%d rules", n)
			}
			if got := feedtest.Text(&br, "OpenFlow.Rules"); got != strconv.Itoa(total) {
				return fmt.Errorf("the bridge says %s", got)
			}
			if got := feedtest.Text(&br, "OpenFlow.Cut"); got != strconv.Itoa(cut) && (cut != 0 || got != "") {
				return fmt.Errorf("%s are cut", got)
			}
			return nil
		})
	}
	expect(100, 250, 150)
	sw.set(rules[:80]...)
	expect(80, 80, 0)
	if st := p.Stats()[b.Name]; st.Rules != 80 || st.Cut != 0 {
		t.Errorf("%+v", st)
	}
}

func TestMaxBytes(t *testing.T) {
	cfg := testConfig()
	cfg.MaxBytes = 1 << 16
	sw := newFakeSwitch(t)
	for i := range uint32(2000) {
		r := fakeRule{in: i + 1, out: 1}
		sw.rules[r.key()] = r
	}
	p, w, b := run(t, cfg, sw)
	w.Eventually(t, patience, "a part of the rules", func(s feedtest.State) error {
		br, _ := s.Facet(b.Ref(), Source)
		if n := len(s.All(entity.TypeOFRule)); n == 0 || n >= 2000 || feedtest.Text(&br, "OpenFlow.Rules") != "2000" {
			return fmt.Errorf("%d rules, the bridge is %v", n, br.Attributes)
		}
		return nil
	})
	if st := p.Stats()[b.Name]; st.Truncated == 0 {
		t.Errorf("%+v", st)
	}
}

func TestCoalesces(t *testing.T) {
	cfg := testConfig()
	cfg.Coalesce = 500 * time.Millisecond
	sw := newFakeSwitch(t)
	sw.set(fakeRule{in: 1, out: 1})
	p, w, b := run(t, cfg, sw)
	w.Eventually(t, patience, "the rule", holds(map[string]string{"table=0,priority=0,in_port=1": "output:1"}))
	for i := range uint32(500) {
		sw.change(fakeRule{in: 1, out: 2 + i})
	}
	sw.change(fakeRule{in: 1, out: 1000})
	w.Eventually(t, patience, "the last state", holds(map[string]string{"table=0,priority=0,in_port=1": "output:1000"}))
	if st := p.Stats()[b.Name]; st.Changes != 501 || st.Merged < 400 {
		t.Errorf("%+v", st)
	}
}

// TestThrottles has changes that cost more than they may.
func TestThrottles(t *testing.T) {
	cfg := testConfig()
	cfg.CPU = 0.001
	cfg.Interval = time.Hour
	sw := newFakeSwitch(t)
	p, w, b := run(t, cfg, sw)
	w.Eventually(t, patience, "a listing", holds(nil))
	proctest.Eventually(t, patience, "a connection", func() error {
		if !p.Stats()[b.Name].Connected {
			return errors.New("none")
		}
		return nil
	})
	proctest.Eventually(t, 3*patience, "that changes are taken slower", func() error {
		for i := range uint32(20) {
			sw.change(fakeRule{in: 1, out: 2 + i})
		}
		if st := p.Stats()[b.Name]; st.Throttled == 0 {
			return fmt.Errorf("%+v", st)
		}
		return nil
	})
	w.Eventually(t, 3*patience, "the last change", holds(map[string]string{"table=0,priority=0,in_port=1": "output:21"}))
}

func TestCounters(t *testing.T) {
	sw := newFakeSwitch(t)
	sw.set(fakeRule{in: 1, out: 2, packets: 5}, fakeRule{in: 2, out: 2}, fakeRule{table: 4, in: 3, out: 2, packets: 9})
	_, w, b := run(t, testConfig(), sw)
	sent := func() map[string][]uint64 {
		out := make(map[string][]uint64)
		for _, m := range w.Metrics(Measurement) {
			tags := m.Tags()
			if tags["host_id"] != "h1" || tags["bridge"] != b.Name || tags["entity"] == "" {
				t.Fatalf("tags are %v", tags)
			}
			packets, _ := m.GetField("rx_packets")
			bytes, _ := m.GetField("rx_bytes")
			if packets.(uint64)*60 != bytes.(uint64) {
				t.Fatalf("%v packets of %v bytes", packets, bytes)
			}
			out[tags["table"]] = append(out[tags["table"]], packets.(uint64))
		}
		return out
	}
	expect := func(what string, want map[string][]uint64) {
		t.Helper()
		proctest.Eventually(t, patience, what, func() error {
			if got := sent(); !maps.EqualFunc(got, want, slices.Equal) {
				return fmt.Errorf("%v, want %v", got, want)
			}
			return nil
		})
	}
	expect("the first counters", map[string][]uint64{"0": {5}, "4": {9}})
	sw.set(fakeRule{in: 1, out: 2, packets: 6}, fakeRule{in: 2, out: 2}, fakeRule{table: 4, in: 3, out: 2, packets: 9})
	expect("the one that moved", map[string][]uint64{"0": {5, 6}, "4": {9}})
	w.See(func(s feedtest.State) {
		if s.Added != 4 {
			t.Errorf("%d entities, want 3 rules and the bridge", s.Added)
		}
	})
}

func TestSilentSwitch(t *testing.T) {
	cfg := testConfig()
	cfg.Timeout = 100 * time.Millisecond
	sw := newFakeSwitch(t)
	sw.silent = true
	run(t, cfg, sw)
	proctest.Eventually(t, patience, "a second try", func() error {
		if n := sw.count(&sw.dials); n < 3 {
			return fmt.Errorf("%d connections", n)
		}
		return nil
	})
}

func TestQuietSwitch(t *testing.T) {
	cfg := testConfig()
	cfg.Interval = time.Hour
	cfg.Timeout = 100 * time.Millisecond
	sw := newFakeSwitch(t)
	sw.set(fakeRule{in: 1, out: 2})
	run(t, cfg, sw)
	proctest.Eventually(t, patience, "echo requests", func() error {
		if n := sw.count(&sw.echoes); n < 3 {
			return fmt.Errorf("%d echo requests", n)
		}
		return nil
	})
	if n := sw.count(&sw.dials); n != 1 {
		t.Errorf("%d connections", n)
	}
}

func TestNoCommonVersion(t *testing.T) {
	cfg := testConfig()
	cfg.Version = openflow.V15
	sw := newFakeSwitch(t)
	a, _ := sw.dial(context.Background(), "", "")
	if _, err := newSession(context.Background(), &cfg, a); err == nil || !strings.Contains(err.Error(), "OpenFlow13") {
		t.Fatalf("error is %v", err)
	}
}

// TestAbsent makes no noise about a socket that is not there.
func TestAbsent(t *testing.T) {
	w := feedtest.New(t)
	log := &testutil.CaptureLogger{}
	cfg := testConfig()
	dialed := make(chan struct{}, 100)
	cfg.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		dialed <- struct{}{}
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	p, err := New(cfg, w.Accumulator(), log)
	if err != nil {
		t.Fatal(err)
	}
	b := testBridge(t)
	b.Target = filepath.Join(t.TempDir(), "none.mgmt")
	p.Sync([]Bridge{b, {Name: "odd", UUID: "u", Target: "carrier-pigeon:1"}})
	p.Start(t.Context())
	<-dialed
	<-dialed
	p.Stop()
	if got := log.Warnings(); len(got) != 0 {
		t.Errorf("warnings: %v", got)
	}
	if got := log.Errors(); len(got) != 1 || !strings.Contains(got[0], "carrier-pigeon") {
		t.Errorf("errors: %v", got)
	}
}

// TestTLS follows a switch at a target ssl:.
func TestTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(nil)
	server.StartTLS() // for its certificate
	defer server.Close()
	sw := newFakeSwitch(t)
	sw.set(fakeRule{in: 1, out: 2})
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: server.TLS.Certificates, MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	sw.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			sw.mu.Lock()
			sw.conns = append(sw.conns, c)
			sw.mu.Unlock()
			sw.wg.Go(func() { sw.serve(c) })
		}
	})
	w := feedtest.New(t)
	cfg := testConfig()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	cfg.TLS = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	p, err := New(cfg, w.Accumulator(), testutil.Logger{Name: t.Name()})
	if err != nil {
		t.Fatal(err)
	}
	b := testBridge(t)
	b.Target = "ssl:" + l.Addr().String()
	p.Start(t.Context())
	defer p.Stop()
	p.Sync([]Bridge{b})
	w.Eventually(t, patience, "the rule", holds(map[string]string{"table=0,priority=0,in_port=1": "output:2"}))

	cfg.TLS = &tls.Config{MinVersion: tls.VersionTLS12} // does not trust it
	if _, err := connect(t.Context(), &cfg, b.Target); err == nil {
		t.Error("a certificate that nobody signed is taken")
	}
}

func TestParseTarget(t *testing.T) {
	for target, want := range map[string]string{
		"/run/br0.mgmt":      "unix /run/br0.mgmt false",
		"unix:/run/br0.mgmt": "unix /run/br0.mgmt false",
		"tcp:10.0.0.1:6633":  "tcp 10.0.0.1:6633 false",
		"tcp:10.0.0.1":       "tcp 10.0.0.1:6653 false",
		"ssl:[::1]:1":        "tcp [::1]:1 true",
		"ssl:[::1]":          "tcp [::1]:6653 true",
		"":                   "error",
		"br0":                "error",
		"tcp:":               "error",
		"pssl:1":             "error",
	} {
		network, address, secure, err := parseTarget(target)
		got := fmt.Sprint(network, " ", address, " ", secure)
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%q: %s, want %s", target, got, want)
		}
	}
}

func TestValidate(t *testing.T) {
	for what, change := range map[string]func(*Config){
		"version": func(c *Config) { c.Version = 9 }, "interval": func(c *Config) { c.Interval = 0 },
		"coalesce": func(c *Config) { c.Coalesce = time.Hour }, "max_rules": func(c *Config) { c.MaxRules = 0 },
		"max_bytes": func(c *Config) { c.MaxBytes = 1 }, "cpu": func(c *Config) { c.CPU = 0 }, "timeout": func(c *Config) { c.Timeout = 0 },
	} {
		cfg := DefaultConfig()
		if err := cfg.Validate(); err != nil {
			t.Fatal(err)
		}
		change(&cfg)
		if cfg.Validate() == nil {
			t.Errorf("%s: no error", what)
		}
	}
}
