package flowcapture

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"

	"github.com/skein-net/skein/internal/filter"
	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/internal/order"
	"github.com/skein-net/skein/otel-receiver/source"
	"github.com/skein-net/skein/otel-receiver/source/ebpf"
	"github.com/skein-net/skein/otel-receiver/source/place"
)

// testGround is a host on which there is what a test says.
type testGround struct {
	mu    sync.Mutex
	links map[int]place.Link
	gone  error
	// open makes sources; without it they see one packet and then nothing.
	open func(c *CaptureConfig, at *spot) (source.Source, error)
	test error

	running   map[string]int // by capture and interface
	spots     atomic.Int64
	sources   atomic.Int64
	selfTests atomic.Int64
}

func newTestGround(n int) *testGround {
	g := &testGround{links: make(map[int]place.Link), running: make(map[string]int)}
	for i := 1; i <= n; i++ {
		g.links[i] = place.Link{Name: fmt.Sprintf("if%d", i), Index: i, Up: true, Counted: true}
	}
	return g
}

func (*testGround) hostID() string { return "h" }

func (g *testGround) look(n *order.Node) (*spot, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.gone != nil {
		return nil, g.gone
	}
	l, ok := g.links[n.IfIndex]
	if !ok {
		return nil, errors.New("there is no " + n.Interface)
	}
	g.spots.Add(1)
	return &spot{link: l}, nil
}

func (g *testGround) change(index int, fn func(*place.Link)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	l := g.links[index]
	fn(&l)
	g.links[index] = l
}

func (g *testGround) selfTest(source.Source) error {
	g.selfTests.Add(1)
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.test
}

func (*testGround) warning(source.Source) string { return "a fallback" }

func (g *testGround) source(c *CaptureConfig, at *spot) (source.Source, error) {
	g.sources.Add(1)
	if g.open != nil {
		return g.open(c, at)
	}
	return g.one(c, at, true), nil
}

// one is a source that notes that it runs and may see one packet.
func (g *testGround) one(c *CaptureConfig, at *spot, sees bool) *scripted {
	key := c.Name + " " + at.link.Name
	s := &scripted{}
	s.run = func(ctx context.Context, w []source.Worker) error {
		g.note(key, 1)
		defer g.note(key, -1)
		s.opened.Add(1)
		if sees {
			s.received.Add(1)
		}
		return ticking(ctx, w[0])
	}
	return s
}

func (g *testGround) note(key string, n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.running[key] += n; g.running[key] == 0 {
		delete(g.running, key)
	}
}

func (g *testGround) runs() map[string]int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return maps.Clone(g.running)
}

// groundReceiver is a receiver with orders on a test ground, and no topologyd.
func groundReceiver(t testing.TB, g *testGround, sink *consumertest.LogsSink, metrics *consumertest.MetricsSink, limits func(*OrdersConfig)) *flowReceiver {
	t.Helper()
	cfg := testConfig(typeAFPacket)
	cfg.Captures = nil
	cfg.Orders.Endpoints = []string{"http://127.0.0.1:1"}
	if limits != nil {
		limits(&cfg.Orders)
	}
	f := &groundFactory{t: t, cfg: cfg, g: g}
	return f.start(sink, metrics)
}

type groundFactory struct {
	t   testing.TB
	cfg *Config
	g   *testGround
}

func (f *groundFactory) start(sink *consumertest.LogsSink, metrics *consumertest.MetricsSink) *flowReceiver {
	var m consumer.Metrics
	if metrics != nil {
		m = metrics
	}
	r := unstarted(f.t, f.cfg, sink, m)
	r.newGround = func(HostConfig) (ground, error) { return f.g, nil }
	require.NoError(f.t, r.Start(f.t.Context(), componenttest.NewNopHost()))
	r.orders.pace = pace{
		starting: 2 * time.Millisecond, failed: 5 * time.Millisecond, running: 10 * time.Millisecond,
		selfTest: 20 * time.Millisecond, opening: 60 * time.Millisecond, hanging: 100 * time.Millisecond, blind: 50 * time.Millisecond,
	}
	return r
}

// stateOf returns the state of an order.
func stateOf(r *flowReceiver, id string) order.CaptureState {
	for _, st := range r.orders.States() {
		if st.ID == id {
			return st
		}
	}
	return order.CaptureState{}
}

// becomes waits until an order is in a state and its error has a text.
func becomes(t testing.TB, r *flowReceiver, id, state, text string) (st order.CaptureState) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for tick := time.NewTicker(10 * time.Millisecond); ; <-tick.C {
		st = stateOf(r, id)
		if st.State == state && strings.Contains(st.Error, text) {
			return st
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is %s: %q, want %s: %q", id, st.State, st.Error, state, text)
		}
	}
}

func testOrder(id string, index int) order.Capture {
	return order.Capture{
		ID: id, Name: "cap-" + id, Revision: 1, Node: order.Node{Interface: fmt.Sprintf("if%d", index), IfIndex: index, TID: "x"},
		Options: order.Options{Flows: 64, Memory: order.MinMemory},
	}
}

// TestFollowProperty: whatever lists come, what runs in the end is what the last
// one says, each once, and nothing else is told of.
func TestFollowProperty(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // repeatable
	const interfaces, lists = 8, 60
	g := newTestGround(interfaces)
	r := groundReceiver(t, g, new(consumertest.LogsSink), new(consumertest.MetricsSink), nil)
	for round := range lists {
		var list []order.Capture
		want := make(map[string]int)
		for i := range rnd.IntN(10) {
			index := 1 + rnd.IntN(interfaces)
			o := testOrder(fmt.Sprintf("d%d/n%d", i, index), index)
			o.Revision = rnd.Uint64N(3)
			if rnd.IntN(3) == 0 {
				o.SnapLen = 64 + rnd.IntN(3)
			}
			if rnd.IntN(4) == 0 {
				o.Expires = time.Now().Add(time.Hour)
			}
			list = append(list, o)
			want[o.Name+" "+o.Node.Interface]++
		}
		r.orders.Follow(list)
		if rnd.IntN(3) > 0 && round < lists-1 {
			continue // the next one comes at once
		}
		eventually(t, "what the list says", 20*time.Second, func() bool { return maps.Equal(g.runs(), want) })
		eventually(t, "states of the list", 20*time.Second, func() bool {
			states := r.orders.States()
			for i, st := range states {
				j := slices.IndexFunc(list, func(o order.Capture) bool { return o.ID == st.ID })
				if j < 0 || st.State != order.StateRunning || st.Revision != list[j].Revision || i > 0 && states[i-1].ID >= st.ID {
					return false
				}
			}
			return len(states) == len(list)
		})
	}
	stop(t, r)
	require.Empty(t, g.runs())
	require.Empty(t, r.series.byName["x"])
	r.orders.Follow([]order.Capture{testOrder("late/1", 1)})
	require.Empty(t, g.runs(), "after the end nothing is followed")
}

// TestGoesOn: a change of the end, of hints and of the revision keeps a capture
// running; everything else begins it anew.
func TestGoesOn(t *testing.T) {
	g := newTestGround(2)
	r := groundReceiver(t, g, new(consumertest.LogsSink), nil, nil)
	o := testOrder("d/1", 1)
	r.orders.Follow([]order.Capture{o})
	becomes(t, r, o.ID, order.StateRunning, "")
	for i, same := range []func(*order.Capture){
		func(c *order.Capture) { c.Expires = time.Now().Add(time.Hour) },
		func(c *order.Capture) { c.Node.NetNSPath, c.Node.Interface, c.Node.Type = "/x", "new", "veth" },
		func(c *order.Capture) { c.Node.NetNSDevice = 4 },
		func(c *order.Capture) { c.Layers = []string{} },
	} {
		same(&o)
		o.Revision++
		r.orders.Follow([]order.Capture{o})
		st := stateOf(r, o.ID)
		require.Equal(t, int64(1), g.sources.Load(), i)
		require.Equal(t, o.Revision, st.Revision)
		require.Equal(t, order.StateRunning, st.State)
	}
	for i, other := range []func(*order.Capture){
		func(c *order.Capture) { c.Filter = "tcp" },
		func(c *order.Capture) { c.Name = "other" },
		func(c *order.Capture) { c.Node.TID = "y" },
		func(c *order.Capture) { c.Node.IfIndex = 2 },
		func(c *order.Capture) { c.SnapLen = 100 },
	} {
		other(&o)
		r.orders.Follow([]order.Capture{o})
		becomes(t, r, o.ID, order.StateRunning, "")
		require.Equal(t, int64(2+i), g.sources.Load())
	}
	stop(t, r)
}

// TestHanging: a capture that hangs holds up neither others nor its successor.
func TestHanging(t *testing.T) {
	g := newTestGround(3)
	release := make(chan struct{})
	var hung atomic.Int64
	g.open = func(c *CaptureConfig, at *spot) (source.Source, error) {
		if at.link.Index == 1 && hung.Add(1) == 1 {
			s := &scripted{}
			s.run = func(context.Context, []source.Worker) error { <-release; return nil }
			return s, nil
		}
		if at.link.Index == 2 {
			<-release // it does not even open
		}
		return g.one(c, at, true), nil
	}
	r := groundReceiver(t, g, new(consumertest.LogsSink), nil, func(c *OrdersConfig) { c.RawPackets = true })
	a, b, c := testOrder("a/1", 1), testOrder("b/2", 2), testOrder("c/3", 3)
	a.RawPackets = 1
	r.orders.Follow([]order.Capture{a, b, c})
	becomes(t, r, c.ID, order.StateRunning, "")
	becomes(t, r, a.ID, order.StateFailed, "has not opened the interface yet")
	becomes(t, r, b.ID, order.StateFailed, "has not opened the interface yet")
	a.Filter = "tcp"
	r.orders.Follow([]order.Capture{a, c})
	becomes(t, r, a.ID, order.StateRunning, "")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.Error(t, r.Shutdown(ctx), "what hangs does not hold up the end either")
	close(release)
	<-r.done
}

// TestEndedHoldMemory: however often orders change, captures that do not come to
// their end hold no more than twice what captures may take.
func TestEndedHoldMemory(t *testing.T) {
	g := newTestGround(1)
	release := make(chan struct{})
	g.open = func(c *CaptureConfig, at *spot) (source.Source, error) {
		s := &scripted{}
		s.run = func(ctx context.Context, _ []source.Worker) error {
			s.opened.Add(1)
			s.received.Add(1)
			<-ctx.Done()
			<-release
			return nil
		}
		return s, nil
	}
	r := groundReceiver(t, g, new(consumertest.LogsSink), nil, func(c *OrdersConfig) { c.MaxMemory = 5 << 20 })
	o := testOrder("d/1", 1)
	for i := range 9 { // each takes a little more than 1 MiB
		o.SnapLen = 64 + i
		r.orders.Follow([]order.Capture{o})
		becomes(t, r, o.ID, order.StateRunning, "")
	}
	for i := range 5 {
		o.SnapLen = 100 + i
		r.orders.Follow([]order.Capture{o})
	}
	becomes(t, r, o.ID, order.StateFailed, "captures that have ended hold the memory")
	require.Equal(t, int64(9), g.sources.Load())
	close(release)
	becomes(t, r, o.ID, order.StateRunning, "")
	stop(t, r)
	require.Zero(t, r.orders.held)
	require.Empty(t, r.orders.working)
}

// TestQuickChanges: a capture begins when the one before it has ended, also when
// there were orders in between that never began.
func TestQuickChanges(t *testing.T) {
	g := newTestGround(1)
	var now, most atomic.Int64
	g.open = func(*CaptureConfig, *spot) (source.Source, error) {
		s := &scripted{}
		s.run = func(ctx context.Context, _ []source.Worker) error {
			most.Store(max(most.Load(), now.Add(1)))
			defer now.Add(-1)
			s.opened.Add(1)
			s.received.Add(1)
			<-ctx.Done()
			timer := time.NewTimer(100 * time.Millisecond) // it takes its time
			defer timer.Stop()
			<-timer.C
			return nil
		}
		return s, nil
	}
	r := groundReceiver(t, g, new(consumertest.LogsSink), nil, nil)
	r.orders.pace.running = 20 * time.Second
	o := testOrder("d/1", 1)
	for round := range 3 {
		for i, change := range []func(*order.Capture){
			func(*order.Capture) {}, func(c *order.Capture) { c.Filter = "tcp" }, func(c *order.Capture) { c.Filter = "no filter" }, func(c *order.Capture) { c.Type = "x" }, func(*order.Capture) {},
		} {
			c := o
			c.SnapLen = 64 + 10*round + i
			change(&c)
			r.orders.Follow([]order.Capture{c})
		}
		becomes(t, r, o.ID, order.StateRunning, "")
	}
	stop(t, r)
	require.Equal(t, int64(1), most.Load())
}

// TestLimits: what runs keeps its place, what has none is refused with what to
// do, and takes a place when there is one.
func TestLimits(t *testing.T) {
	g := newTestGround(9)
	r := groundReceiver(t, g, new(consumertest.LogsSink), nil, func(c *OrdersConfig) { c.MaxCaptures, c.MaxMemory = 3, 8<<20 })
	var list []order.Capture
	for i := 1; i <= 5; i++ {
		list = append(list, testOrder(fmt.Sprintf("d/%d", i), i))
	}
	list[1].Memory = 16 << 20
	refusedNow := func() (ids []string) {
		for _, st := range r.orders.States() {
			if st.State == order.StateRefused {
				ids = append(ids, st.ID)
			}
		}
		return ids
	}
	r.orders.Follow(list)
	require.Equal(t, []string{"d/2", "d/5"}, refusedNow())
	require.Contains(t, stateOf(r, "d/2").Error, "raise orders.max_memory")
	require.Contains(t, stateOf(r, "d/5").Error, "raise orders.max_captures")
	slices.Reverse(list)
	r.orders.Follow(list)
	require.Equal(t, []string{"d/2", "d/5"}, refusedNow(), "what runs keeps its place")
	r.orders.Follow(list[:4]) // without the first
	require.Equal(t, []string{"d/2"}, refusedNow())
	becomes(t, r, "d/5", order.StateRunning, "")
	eventually(t, "the counts", time.Minute, func() bool {
		return maps.Equal(map[string]int64{"running": 3, "refused": 1, "starting": 0, "failed": 0}, r.orders.count())
	})
	stop(t, r)
}

// TestRefused: orders that can never be followed say why.
func TestRefusedOrders(t *testing.T) {
	r := groundReceiver(t, newTestGround(1), new(consumertest.LogsSink), nil, nil)
	r.orders.types = func(typ string) error {
		if typ == typeEBPF {
			return errors.New("no eBPF here")
		}
		return nil
	}
	for want, change := range map[string]func(*order.Capture){
		`type "x" is not known`:      func(c *order.Capture) { c.Type = "x" },
		"names no interface":         func(c *order.Capture) { c.Node.IfIndex = 0 },
		"set orders.raw_packets":     func(c *order.Capture) { c.RawPackets = 1 },
		"no eBPF here":               func(c *order.Capture) { c.Type = typeEBPF },
		"layers need every packet":   func(c *order.Capture) { c.Type, c.Layers = typeEBPF, []string{"dns"} },
		"sampling -1 is out of":      func(c *order.Capture) { c.Sampling = -1 },
		"or a name more than 256":    func(c *order.Capture) { c.Name = strings.Repeat("x", 257) },
		"snaplen 1 is out of bounds": func(c *order.Capture) { c.SnapLen = 1 },
	} {
		o := testOrder("d/1", 1)
		change(&o)
		r.orders.Follow([]order.Capture{o})
		st := stateOf(r, o.ID)
		require.Equal(t, order.StateRefused, st.State, want)
		require.Contains(t, st.Error, want)
	}
	stop(t, r)
}

// TestJudgement goes through what can happen to a capture.
func TestJudgement(t *testing.T) {
	g := newTestGround(1)
	var fail atomic.Pointer[error]
	breaks := func(err error) { fail.Store(&err) }
	sees := new(atomic.Bool)
	g.open = func(c *CaptureConfig, at *spot) (source.Source, error) {
		if err := fail.Load(); err != nil {
			return nil, *err
		}
		return g.one(c, at, sees.Load()), nil
	}
	g.test = errors.New("the self-test says no")
	r := groundReceiver(t, g, new(consumertest.LogsSink), nil, nil)
	o := testOrder("d/1", 1)
	follow := func() { o.Revision++; o.Node.TID += "x"; r.orders.Follow([]order.Capture{o}) }
	follow()
	require.Equal(t, order.StateStarting, stateOf(r, o.ID).State)
	becomes(t, r, o.ID, order.StateFailed, "the self-test says no")
	g.mu.Lock()
	g.test = nil
	g.mu.Unlock()
	st := becomes(t, r, o.ID, order.StateRunning, "")
	require.Equal(t, order.ProofSelfTest, st.Proof)
	require.Equal(t, "a fallback", st.Warning)
	require.NotZero(t, st.Since)
	// The interface counts what the capture does not see.
	g.change(1, func(l *place.Link) { l.Packets = 1 << 20 })
	becomes(t, r, o.ID, order.StateFailed, "blind: if1 counted ")
	sees.Store(true)
	follow()
	require.Equal(t, order.ProofPacket, becomes(t, r, o.ID, order.StateRunning, "").Proof)
	g.change(1, func(l *place.Link) { l.Up = false })
	becomes(t, r, o.ID, order.StateFailed, "if1 is down; set it up, the capture begins by itself")
	g.change(1, func(l *place.Link) { l.Up = true })
	require.Equal(t, order.ProofSelfTest, becomes(t, r, o.ID, order.StateRunning, "").Proof)
	g.mu.Lock()
	g.gone = errors.New("the namespace is gone")
	g.mu.Unlock()
	becomes(t, r, o.ID, order.StateFailed, "the namespace is gone")
	eventually(t, "the end of the tap", time.Minute, func() bool { return len(g.runs()) == 0 })
	g.mu.Lock()
	g.gone = nil
	g.mu.Unlock()
	becomes(t, r, o.ID, order.StateRunning, "")

	breaks(fmt.Errorf("open packet socket: %w", fs.ErrPermission))
	follow()
	becomes(t, r, o.ID, order.StateFailed, "lacks a permission; it needs CAP_NET_RAW")
	breaks(&filter.Error{Expr: "x", Pos: 3, Msg: "not on this link"})
	follow()
	becomes(t, r, o.ID, order.StateFailed, "filter, column 4: not on this link")
	tried := g.sources.Load()
	later := time.Now().Add(100 * time.Millisecond)
	eventually(t, "some time", time.Minute, func() bool { return time.Now().After(later) })
	require.Equal(t, tried, g.sources.Load(), "a filter that is wrong is not tried again")
	breaks(errors.New("broken"))
	follow()
	becomes(t, r, o.ID, order.StateFailed, "broken")
	tried = g.sources.Load()
	eventually(t, "another attempt", time.Minute, func() bool { return g.sources.Load() > tried })
	stop(t, r)
}

// TestSameTrouble: what fails again and again in the same way is told, and logged,
// once.
func TestSameTrouble(t *testing.T) {
	g := newTestGround(1)
	g.open = func(*CaptureConfig, *spot) (source.Source, error) {
		return nil, errors.New("broken")
	}
	r := groundReceiver(t, g, new(consumertest.LogsSink), nil, nil)
	o := testOrder("d/1", 1)
	r.orders.Follow([]order.Capture{o})
	since := becomes(t, r, o.ID, order.StateFailed, "broken").Since
	tried := g.sources.Load()
	eventually(t, "other attempts", 20*time.Second, func() bool {
		require.Equal(t, order.StateFailed, stateOf(r, o.ID).State)
		return g.sources.Load() > tried+2
	})
	require.Equal(t, since, becomes(t, r, o.ID, order.StateFailed, "broken").Since, "it has been so ever since")
	stop(t, r)
}

// TestOneName: a definition on many interfaces is one series, and telemetry tells
// no line twice.
func TestOneName(t *testing.T) {
	g := newTestGround(3)
	g.open = func(_ *CaptureConfig, at *spot) (source.Source, error) {
		s := &scripted{}
		s.run = func(ctx context.Context, w []source.Worker) error {
			s.opened.Add(1)
			s.frame(w[0], udp(t, byte(at.link.Index), 9, 4000, 5000, 58), time.Now().UnixNano())
			return ticking(ctx, w[0])
		}
		return s, nil
	}
	g.change(3, func(l *place.Link) { l.Name = "if1" }) // in another namespace
	sink, metrics := new(consumertest.LogsSink), new(consumertest.MetricsSink)
	r := groundReceiver(t, g, sink, metrics, nil)
	var list []order.Capture
	for i := 1; i <= 3; i++ {
		o := testOrder(fmt.Sprintf("d/%d", i), i)
		o.Name = "all"
		list = append(list, o)
	}
	r.orders.Follow(list)
	for _, o := range list {
		becomes(t, r, o.ID, order.StateRunning, "")
	}
	lines := make(map[string]uint64)
	r.eachTap(func(capture, iface string, tt *totals) { lines[capture+" "+iface] += tt.source.Received })
	require.Equal(t, map[string]uint64{"all if1": 2, "all if2": 1}, lines)
	r.orders.Follow(nil)
	eventually(t, "the end of all flows", time.Minute, func() bool {
		n := 0
		for _, rec := range records(t, sink) {
			if rec.Finish == flowrecord.FinishStopped && rec.CaptureID == "all" {
				n++
			}
		}
		return n == 3
	})
	require.Equal(t, uint64(2), func() (n uint64) {
		r.eachTap(func(capture, iface string, tt *totals) {
			if iface == "if1" {
				n += tt.source.Received
			}
		})
		return n
	}(), "the totals of what has ended stay")
	stop(t, r)
	all := metrics.AllMetrics()
	points := all[len(all)-1].ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(1).Sum().DataPoints()
	require.Equal(t, 1, points.Len())
	require.Equal(t, int64(3), points.At(0).IntValue())
}

// TestSeriesSet: an aggregate that nobody uses is told once more.
func TestSeriesSet(t *testing.T) {
	s := newSeriesSet(metricsConfig(), time.Now)
	names := func() (out []string) {
		s.each(func(name string, _ *aggregate) { out = append(out, name) })
		s.sweep()
		return out
	}
	a := s.get("b")
	require.Same(t, a, s.get("b"))
	s.get("a")
	s.put("b")
	require.Equal(t, []string{"a", "b"}, names())
	s.put("b")
	require.Equal(t, []string{"a", "b"}, names())
	require.Equal(t, []string{"a", "b"}, names())
	require.Equal(t, []string{"a"}, names())
	s.put("a")
	names()
	require.NotNil(t, s.get("a"))
	names()
	names()
	require.Equal(t, []string{"a"}, names(), "it is used again")
	s.put("nobody")
}

// TestOrderedConfig: what an order does not say is small, and budgets are kept.
func TestOrderedConfig(t *testing.T) {
	for name, c := range map[string]struct {
		o          order.Options
		ring, flow int
		snap       int
		least      int64
		most       int64
	}{
		"defaults":        {order.Options{}, 4, 16384, 256, 8 << 20, 8 << 20},
		"least memory":    {order.Options{Memory: order.MinMemory}, 1, 64, 256, 1 << 20, 1<<20 + 64*256},
		"32 MiB":          {order.Options{Memory: 32 << 20}, 16, 65536, 256, 32 << 20, 32 << 20},
		"4 GiB":           {order.Options{Memory: order.MaxMemory}, 64, order.MaxFlows, 256, 320 << 20, 320 << 20},
		"flows":           {order.Options{Flows: 16}, 4, 64, 256, 4 << 20, 5 << 20},
		"packets":         {order.Options{RawPackets: 3}, 4, 16384, 1600, 12 << 20, 12 << 20},
		"ring of packets": {order.Options{RawRing: 1 << 20, Memory: 9 << 20}, 4, 16384, 1600, 9 << 20, 9 << 20},
		"layers":          {order.Options{Layers: []string{"dns"}}, 4, 16384, 1600, 8 << 20, 8 << 20},
		"ebpf":            {order.Options{Type: "ebpf"}, 4, 16384, 256, 14 << 20, 14 << 20},
		"ebpf in 10 MiB":  {order.Options{Type: "ebpf", Memory: 10 << 20}, 5, 11342, 256, 10<<20 - 1000, 10 << 20},
		"ebpf, long":      {order.Options{Type: "ebpf", SnapLen: 300, Memory: 10 << 20}, 5, 7021, 300, 10<<20 - 2000, 10 << 20},
	} {
		o := order.Capture{Name: "n", Node: order.Node{Interface: "eth0"}, Options: c.o}
		cfg := orderedConfig(&o)
		require.NoError(t, cfg.validate(), name)
		require.Equal(t, [3]int{c.ring, c.flow, c.snap}, [3]int{cfg.RingSize, cfg.Flows, cfg.snapLen()}, name)
		got := estimate(&o, &cfg)
		require.True(t, got >= c.least && got <= c.most, "%s: %d bytes", name, got)
	}
	c := DefaultCapture()
	c.Memory = 8 << 20
	c.fit()
	require.Equal(t, [2]int{4, 16384}, [2]int{c.RingSize, c.Flows})
	c = DefaultCapture()
	c.Workers, c.Memory = 4, 1<<20
	c.fit()
	require.Equal(t, [2]int{1, 64}, [2]int{c.RingSize, c.Flows}, "the least")
}

// TestCanCapture: a type that the host lacks is refused with what is missing and
// what to use instead.
func TestCanCapture(t *testing.T) {
	asked := 0
	none := func() ebpf.Features { asked++; return ebpf.Features{} }
	if runtime.GOOS != "linux" {
		require.ErrorContains(t, canCapture(typeAFPacket, none), "on Linux only")
		return
	}
	require.NoError(t, canCapture(typeAFPacket, none))
	require.Zero(t, asked)
	require.ErrorContains(t, canCapture(typeEBPF, none), "use type afpacket")
	require.NoError(t, canCapture(typeEBPF, func() ebpf.Features { return ebpf.Features{Usable: true} }))
	can := func(typ string) error { return canCapture(typ, none) }
	require.Equal(t, []string{order.TypeAFPacket}, captureTypes(can))
}
