package packets

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/internal/order"
	"github.com/skein-net/skein/topologyd/audit"
	"github.com/skein-net/skein/topologyd/auth"
	"github.com/skein-net/skein/topologyd/definition"
)

// TestMerge has several hosts whose messages are of any size: all packets come,
// in order.
func TestMerge(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 3))
		w := newWorld()
		total := 0
		for _, h := range []string{"a", "b", "c", "d"} {
			if h > "b" {
				w.nodes["def-1"] = append(w.nodes["def-1"], node("def-1", h))
			}
			var list []order.Packet
			at := int64(1)
			for range r.IntN(1500) {
				at += r.Int64N(3)
				list = append(list, pk("def-1", h, at, 1))
			}
			total += len(list)
			w.hosts[h] = sends(1+r.IntN(300), list...)
		}
		a, err := w.service().Open(t.Context(), Query{Captures: w.defs})
		if err != nil {
			t.Fatal(err)
		}
		got, err := collect(a)
		if err != nil || len(got) != total || !slices.IsSortedFunc(got, func(a, b Packet) int { return compare(a.Time, b.Time) }) {
			t.Errorf("seed %d: %d packets of %d, %v", seed, len(got), total, err)
		}
		if s := a.Summary(); s.Packets != int64(total) || s.Limit != "" || s.Refused+s.Lost != 0 || len(s.Missing) != 0 {
			t.Errorf("seed %d: %+v", seed, s)
		}
	}
}

func TestQuery(t *testing.T) {
	w := newWorld()
	w.hosts["a"] = sends(2, pk("def-1", "a", 10, 1), pk("def-1", "a", 20, 2), pk("def-1", "a", 40, 1))
	w.hosts["b"] = sends(2, pk("def-1", "b", 15, 3), pk("def-1", "b", 30, 1))
	times := func(list []Packet) (out []int64) {
		for _, p := range list {
			out = append(out, p.Time)
		}
		return out
	}
	for _, tc := range []struct {
		name  string
		q     Query
		want  []int64
		limit string
	}{
		{"all", Query{}, []int64{10, 15, 20, 30, 40}, ""},
		{"a node by ID", Query{Node: "node-a"}, []int64{10, 20, 40}, ""},
		{"a node by TID", Query{Node: tid("b").String()}, []int64{15, 30}, ""},
		{"a node by interface", Query{Node: "eth-b"}, []int64{15, 30}, ""},
		{"a host", Query{Hosts: []string{"b"}}, []int64{15, 30}, ""},
		{"flows", Query{Flows: []flowrecord.ID{flowID(1)}}, []int64{10, 30, 40}, ""},
		{"a window", Query{From: time.Unix(0, 15), To: time.Unix(0, 30)}, []int64{15, 20, 30}, ""},
		{"packets", Query{MaxPackets: 2}, []int64{10, 15}, LimitPackets},
		{"exactly as many", Query{MaxPackets: 5}, []int64{10, 15, 20, 30, 40}, ""},
		{"bytes", Query{MaxBytes: 9}, []int64{10, 15}, LimitBytes},
	} {
		tc.q.Captures = w.defs
		a, err := w.service().Open(t.Context(), tc.q)
		if err != nil {
			t.Fatal(tc.name, err)
		}
		got, err := collect(a)
		if err != nil || !slices.Equal(times(got), tc.want) || a.Summary().Limit != tc.limit {
			t.Errorf("%s: %v, %v, limit %q; want %v, %q", tc.name, times(got), err, a.Summary().Limit, tc.want, tc.limit)
		}
	}
	if f := w.asked["a"]; !slices.Equal(f.Captures, []string{"def-1/"}) {
		t.Errorf("asked for %v", f.Captures)
	}
	a, err := w.service().Open(t.Context(), Query{Captures: w.defs, Node: "eth-a"})
	if err != nil {
		t.Fatal(err)
	}
	got, _ := collect(a)
	if p := got[0]; p.Interface() != "host-a/net1/eth-a" || p.TID != tid("a") || p.Flow != flowID(1) || p.Wire != 60 || p.Capture != w.defs[0] {
		t.Errorf("%+v", p)
	}
	if f := w.asked["a"]; !slices.Equal(f.Captures, []string{"def-1/node-a"}) {
		t.Errorf("asked for %v", f.Captures)
	}
}

func TestRefused(t *testing.T) {
	w := newWorld()
	none := w.define("def-2", "no-packets", order.Options{}, "a")
	nowhere := w.define("def-3", "nowhere", order.Options{RawRing: 1 << 20})
	unread := &definition.Definition{ID: "def-4", Problem: "from the future"}
	web := w.defs[0]
	hold := make(chan struct{})
	w.hosts["a"] = func(ctx context.Context, _ order.Fetch, yield func(*order.Packets, error) bool) {
		yield(&order.Packets{Packets: []order.Packet{pk("def-1", "a", 1, 0)}}, nil)
	}
	w.hosts["b"] = w.hosts["a"]
	for _, tc := range []struct {
		name string
		q    Query
		cfg  func(*Config)
		want error
		text string
	}{
		{"no capture", Query{}, nil, ErrNothing, "no capture"},
		{"keeps none", Query{Captures: []*definition.Definition{none}}, nil, ErrNothing, "--raw-packets=N"},
		{"unreadable", Query{Captures: []*definition.Definition{unread}}, nil, ErrNothing, "from the future"},
		{"at no node", Query{Captures: []*definition.Definition{nowhere}}, nil, ErrNothing, "at no node now"},
		{"not this node", Query{Captures: []*definition.Definition{web}, Node: "x"}, nil, ErrNothing, `that is "x"`},
		{"backwards", Query{Captures: []*definition.Definition{web}, From: time.Unix(2, 0), To: time.Unix(1, 0)}, nil, nil, "ends before it begins"},
		{"too many flows", Query{Captures: []*definition.Definition{web}, Flows: make([]flowrecord.ID, maxFlows+1)}, nil, ErrTooMany, "flows"},
		{"too many hosts", Query{Captures: []*definition.Definition{web}}, func(c *Config) { c.MaxHosts = 1 }, ErrTooMany, "name a node"},
		{"busy", Query{Captures: []*definition.Definition{web}}, func(c *Config) { c.Answers = 0 }, ErrBusy, "later"},
	} {
		cfg := func(*Config) {}
		if tc.cfg != nil {
			cfg = tc.cfg
		}
		s := w.service(cfg)
		n := len(w.records())
		_, err := s.Open(audit.WithActor(t.Context(), audit.Actor{Remote: "r"}), tc.q)
		if err == nil || tc.want != nil && !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.text) {
			t.Errorf("%s: %v", tc.name, err)
		}
		log := w.records()[n:]
		if len(log) != 1 || log[0].Outcome == audit.OK || log[0].Remote != "r" || log[0].Reason == "" {
			t.Errorf("%s: written down: %+v", tc.name, log)
		}
		if s.InUse() != 0 {
			t.Errorf("%s: a place is left taken", tc.name)
		}
	}
	close(hold)
	w.full = true
	if _, err := w.service().Open(t.Context(), Query{Captures: []*definition.Definition{web}}); !errors.Is(err, ErrAudit) {
		t.Errorf("with a full disk: %v", err)
	}
}

func TestMissing(t *testing.T) {
	w := newWorld()
	w.nodes["def-1"] = append(w.nodes["def-1"], node("def-1", "c"), node("def-1", "d"))
	w.hosts["a"] = sends(1, pk("def-1", "a", 1, 0))
	// b is away, c refuses, d breaks off.
	w.hosts["c"] = func(_ context.Context, _ order.Fetch, yield func(*order.Packets, error) bool) {
		yield(&order.Packets{Done: true, Error: "raw_packets is \xff off"}, nil)
	}
	w.hosts["d"] = func(_ context.Context, _ order.Fetch, yield func(*order.Packets, error) bool) {
		_ = yield(&order.Packets{Packets: []order.Packet{pk("def-1", "d", 2, 0)}}, nil) && yield(nil, errors.New("the connection broke"))
	}
	s := w.service()
	a, err := s.Open(audit.WithActor(t.Context(), audit.Actor{Remote: "192.0.2.1:1"}), Query{Captures: w.defs})
	if err != nil {
		t.Fatal(err)
	}
	if m := a.Missing(); len(m) != 2 || m[0].Name != "host-b" || m[1].Reason != "it says: raw_packets is ? off" {
		t.Errorf("%+v", m)
	}
	got, err := collect(a)
	if err != nil || len(got) != 2 {
		t.Errorf("%d packets, %v", len(got), err)
	}
	if m := a.Summary().Missing; len(m) != 3 || m[2].Name != "host-d" || m[2].Reason != "the connection broke" {
		t.Errorf("%+v", m)
	}
	log := w.records()
	if len(log) != 2 || log[0].Action != audit.PacketsFetch || log[1].Action != audit.PacketsEnd || log[0].Request != log[1].Request || log[0].Request == "" ||
		log[1].Packets != 2 || log[1].Missing != 3 || log[1].Remote != "192.0.2.1:1" || log[0].Filter != "tcp" || log[0].Name != "web" || log[0].Hosts != 4 {
		t.Errorf("%+v", log)
	}
	clear(w.hosts)
	if _, err = s.Open(t.Context(), Query{Captures: w.defs}); !errors.Is(err, ErrAway) || !strings.Contains(err.Error(), "host-a: its collector is not connected") || !strings.Contains(err.Error(), "and 1 more") {
		t.Error(err)
	}
	if s.InUse() != 0 {
		t.Error("a place is left taken")
	}
}

// TestSilent has a host that never answers, and one that stops in the middle.
func TestSilent(t *testing.T) {
	w := newWorld()
	hang := func(list ...order.Packet) func(context.Context, order.Fetch, func(*order.Packets, error) bool) {
		return func(ctx context.Context, _ order.Fetch, yield func(*order.Packets, error) bool) {
			if len(list) > 0 && !yield(&order.Packets{Packets: list}, nil) {
				return
			}
			<-ctx.Done()
		}
	}
	w.hosts["a"], w.hosts["b"] = hang(), hang(pk("def-1", "b", 1, 0))
	a, err := w.service(func(c *Config) { c.Begin, c.Silence = 50*time.Millisecond, 50*time.Millisecond }).Open(t.Context(), Query{Captures: w.defs})
	if err != nil {
		t.Fatal(err)
	}
	got, err := collect(a)
	m := a.Summary().Missing
	if err != nil || len(got) != 1 || len(m) != 2 || !strings.Contains(m[0].Reason, "did not answer within") || m[1].Reason != errSilent.Error() {
		t.Errorf("%d packets, %v, %+v", len(got), err, m)
	}
}

func TestTime(t *testing.T) {
	w := newWorld()
	w.hosts["a"] = func(ctx context.Context, _ order.Fetch, yield func(*order.Packets, error) bool) {
		for i := int64(1); ctx.Err() == nil; i++ {
			if !yield(&order.Packets{Packets: []order.Packet{pk("def-1", "a", i, 0)}}, nil) {
				return
			}
		}
	}
	w.hosts["b"] = sends(1, pk("def-1", "b", 1, 0))
	a, err := w.service(func(c *Config) { c.Time = 100 * time.Millisecond }).Open(t.Context(), Query{Captures: w.defs})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := collect(a); err != nil || len(got) < 2 || a.Summary().Limit != LimitTime {
		t.Errorf("%d packets, %v, %+v", len(got), err, a.Summary())
	}
}

// TestHostile has hosts that send what nobody asked for.
func TestHostile(t *testing.T) {
	good := pk("def-1", "a", 5, 1)
	change := func(f func(p *order.Packet)) order.Packet {
		p := good
		f(&p)
		return p
	}
	garbage := []order.Packet{
		change(func(p *order.Packet) { p.Time = -1 }),
		change(func(p *order.Packet) { p.Time = 0 }),
		change(func(p *order.Packet) { p.Time = 1<<63 - 1 }),
		change(func(p *order.Packet) { p.Data = make([]byte, 300<<10) }),
		change(func(p *order.Packet) { p.Capture = "" }),
		change(func(p *order.Packet) { p.Capture = "def-1/" }),
		change(func(p *order.Packet) { p.Capture = "def-1/node-b" }), // of another host
		change(func(p *order.Packet) { p.Capture = "def-9/node-a" }),
		change(func(p *order.Packet) { p.Flow = "x" }),
	}
	w := newWorld()
	w.hosts["b"] = sends(1, pk("def-1", "b", 1, 0))
	w.hosts["a"] = sends(100, append(garbage, good, change(func(p *order.Packet) { p.Wire = -5 }), change(func(p *order.Packet) { p.Wire = 1 << 60 }))...)
	a, err := w.service().Open(t.Context(), Query{Captures: w.defs})
	if err != nil {
		t.Fatal(err)
	}
	got, err := collect(a)
	if s := a.Summary(); err != nil || len(got) != 4 || s.Refused != int64(len(garbage)) {
		t.Errorf("%d packets, %v, %+v", len(got), err, s)
	}
	for _, p := range got {
		if p.Wire < len(p.Data) || p.Wire > 1<<30 {
			t.Errorf("%d bytes on the wire", p.Wire)
		}
	}
	var links, endless, empty []order.Packet
	for i := range 100 {
		links = append(links, change(func(p *order.Packet) { p.Link = uint16(i) }))
	}
	for range 2 * mostRefused {
		endless = append(endless, garbage[0])
	}
	for _, tc := range []struct {
		name   string
		answer func(context.Context, order.Fetch, func(*order.Packets, error) bool)
		n      int
		reason string
	}{
		{"link types", sends(7, links...), mostLinks, ""},
		{"a flood of garbage", sends(1000, endless...), 0, "that nobody asked for"},
		{"a message too large", sends(chunkPackets+1, append(slices.Repeat([]order.Packet{good}, chunkPackets), good)...), 0, "in one message"},
		{"nothing, for ever", func(ctx context.Context, _ order.Fetch, yield func(*order.Packets, error) bool) {
			for yield(&order.Packets{Packets: empty}, nil) {
			}
		}, 0, "without a packet"},
		{"nil", func(_ context.Context, _ order.Fetch, yield func(*order.Packets, error) bool) { yield(nil, nil) }, 0, ""},
		{"a count below nothing", func(_ context.Context, _ order.Fetch, yield func(*order.Packets, error) bool) {
			yield(&order.Packets{Lost: -5, Done: true, Packets: []order.Packet{good}}, nil)
		}, 1, ""},
		{"twice the same", sends(1, good, good), 2, ""}, // which nobody can tell from two that look alike
	} {
		w.hosts["a"] = tc.answer
		a, err := w.service().Open(t.Context(), Query{Captures: w.defs})
		if err != nil {
			t.Fatal(tc.name, err)
		}
		got, err := collect(a)
		if s := a.Summary(); err != nil || len(got) != tc.n+1 || s.Lost < 0 || (tc.reason == "") != (len(s.Missing) == 0) ||
			tc.reason != "" && !strings.Contains(s.Missing[0].Reason, tc.reason) {
			t.Errorf("%s: %d packets, %v, %+v", tc.name, len(got), err, s)
		}
	}
}

// TestGone has somebody who asks and leaves.
func TestGone(t *testing.T) {
	w := newWorld()
	w.hosts["a"] = sends(1, slices.Repeat([]order.Packet{pk("def-1", "a", 1, 0)}, 5000)...)
	w.hosts["b"] = w.hosts["a"]
	s := w.service()
	ctx, cancel := context.WithCancel(t.Context())
	a, err := s.Open(ctx, Query{Captures: w.defs})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := collect(a); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	a.Close()
	if log := w.records(); len(log) != 2 || log[1].Outcome != audit.Failed {
		t.Errorf("%+v", log)
	}
	a, err = s.Open(t.Context(), Query{Captures: w.defs})
	if err != nil {
		t.Fatal(err)
	}
	for range a.Batches() {
		break
	}
	a.Close()
	if s.InUse() != 0 {
		t.Error("a place is left taken")
	}
}

// TestForbidden opens as somebody who may do everything but have packets.
func TestForbidden(t *testing.T) {
	w := newWorld()
	s := w.service()
	ctx := audit.WithActor(auth.With(t.Context(), &auth.Identity{Name: "a", Method: auth.MethodToken, Roles: []auth.Role{auth.Admin}}), audit.Actor{User: "a"})
	for _, follow := range []bool{false, true} {
		if _, err := s.Open(ctx, Query{Captures: w.defs[:1], Follow: follow}); !errors.Is(err, ErrForbidden) {
			t.Errorf("follow %v: %v", follow, err)
		}
	}
	for p, err := range s.Packets(ctx, []*flowrecord.Record{{ID: flowID(1), HostID: "a", CaptureID: "web"}}) {
		if !errors.Is(err, ErrForbidden) {
			t.Errorf("%v %v", p, err)
		}
	}
	if list := w.records(); len(list) != 3 || list[0].Outcome != audit.Refused || list[2].User != "a" || len(w.asked) != 0 {
		t.Errorf("%+v, asked %v", list, w.asked)
	}
}

func TestGremlinPackets(t *testing.T) {
	w := newWorld()
	w.define("def-5", "web", order.Options{RawRing: 1 << 20}, "c") // of the same name
	w.define("def-6", "", order.Options{}, "a")
	w.hosts["a"] = sends(2, pk("def-1", "a", 10, 1), pk("def-1", "a", 20, 2))
	w.hosts["c"] = sends(2, pk("def-5", "c", 15, 3))
	s := w.service()
	run := func(s *Service, flows ...*flowrecord.Record) (out string, err error) {
		for p, err := range s.Packets(t.Context(), flows) {
			if err != nil {
				return out, err
			}
			out += fmt.Sprintf("%s %s %s %d;", p.Capture, p.Host, p.Interface, p.Time)
		}
		return out, nil
	}
	record := func(host, capture string, flow int) *flowrecord.Record {
		return &flowrecord.Record{ID: flowID(flow), HostID: host, CaptureID: capture}
	}
	got, err := run(s, record("a", "web", 1), record("c", "web", 3), record("a", "def-6", 8), record("a", "unknown", 9))
	if err != nil || got != "web a eth-a 10;web c eth-c 15;" {
		t.Error(got, err)
	}
	for _, none := range [][]*flowrecord.Record{nil, {record("a", "unknown", 1)}, {record("z", "web", 1)}} {
		if got, err := run(s, none...); got != "" || err != nil {
			t.Error(got, err)
		}
	}
	if _, err := run(s, record("b", "web", 1)); !errors.Is(err, ErrAway) {
		t.Error(err)
	}
	got, err = run(w.service(func(c *Config) { c.QueryPackets = 1 }), record("a", "web", 1), record("a", "web", 2))
	if !errors.Is(err, ErrTooMany) || got != "web a eth-a 10;" {
		t.Error(got, err)
	}
}
