package orders

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/order"
	"github.com/skein-net/skein/topologyd/capture"
)

// refusal reads until the session ends and returns why.
func refusal(t *testing.T, c *websocket.Conn) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		if _, _, err := c.Read(ctx); err != nil {
			_ = c.CloseNow()
			return err.Error()
		}
	}
}

func hello(id string) string { return fmt.Sprintf(`{"hello":{"host_id":%q,"instance":"i"}}`, id) }

// TestSessionsOfOneHost: a host that opens one session after the other and says
// nothing takes no room from others.
func TestSessionsOfOneHost(t *testing.T) {
	cfg := quick()
	cfg.Session.Hello = time.Minute
	w := newWorld(t, cfg)
	var all []*websocket.Conn
	eventually(t, "no more are let in", func() bool {
		c, code, _ := w.dial("a")
		if c != nil {
			all = append(all, c)
		}
		return len(all) > 0 && code == http.StatusServiceUnavailable
	}, func() any { return len(all) })
	require.Len(t, all, cfg.Session.MaxPerHost)
	b, _, err := w.dial("b")
	require.NoError(t, err)
	all = append(all, b)
	for _, c := range all {
		_ = c.CloseNow()
	}
	eventually(t, "it is let in again", func() bool {
		c, _, _ := w.dial("a")
		if c != nil {
			_ = c.CloseNow()
		}
		return c != nil
	}, func() any { return nil })
	eventually(t, "nothing is left", func() bool {
		w.manager.mu.Lock()
		defer w.manager.mu.Unlock()
		return len(w.manager.byHost) == 0 && w.manager.open == 0
	}, func() any { return nil })
}

// TestHello has hosts begin in wrong ways.
func TestHello(t *testing.T) {
	cfg := quick()
	cfg.Session.Hello = time.Minute
	w := newWorld(t, cfg)
	for _, tc := range []struct{ name, message, want string }{
		{"no JSON", "hi", "invalid character"},
		{"another message", `{"state":{"captures":[]}}`, "not a hello"},
		{"nothing known", `{"new":1}`, "not a hello"},
		{"another host", hello("b"), "the hello is of host_id"},
		{"no instance", `{"hello":{"host_id":"a"}}`, "names no instance"},
		{"two contents", `{"hello":{"host_id":"a","instance":"i"},"cancel":{}}`, "exactly one content"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var c *websocket.Conn
			eventually(t, "it is let in", func() bool { c, _, _ = w.dial("a"); return c != nil }, func() any { return nil })
			require.NoError(t, c.Write(t.Context(), websocket.MessageText, []byte(tc.message)))
			require.Contains(t, refusal(t, c), tc.want)
		})
	}
	require.Empty(t, w.manager.Hosts())
	r, err := http.Get(w.server.URL + "/api/v1/hosts/" + strings.Repeat("x", 300) + "/assignments") //nolint:noctx // a test
	require.NoError(t, err)
	require.NoError(t, r.Body.Close())
	require.Equal(t, http.StatusBadRequest, r.StatusCode)
	r, err = http.Get(w.server.URL + order.Path("a")) //nolint:noctx // a test
	require.NoError(t, err)
	require.NoError(t, r.Body.Close())
	require.Equal(t, http.StatusUpgradeRequired, r.StatusCode)
}

// TestNoHello has a host that says nothing.
func TestNoHello(t *testing.T) {
	cfg := quick()
	cfg.Session.Hello = 100 * time.Millisecond
	w := newWorld(t, cfg)
	require.Contains(t, refusal(t, w.letIn("a")), "no hello within 100ms")
	require.Empty(t, w.manager.Hosts())
}

// TestMalformed has a host that is let in send what cannot be read.
func TestMalformed(t *testing.T) {
	w := newWorld(t, quick())
	for _, tc := range []struct{ message, want string }{
		{"{", "cannot be read"},
		{`{"state":{"captures":[{"id":1}]}}`, "cannot be read"},
		{hello("a"), "a second hello"},
		{strings.Repeat("x", order.MaxMessage+1), ""},
		{`{"state":{"captures":[` + strings.Repeat("{},", maxElements+1) + `{}]}}`, "cannot be read"},
	} {
		a := w.connect("a")
		eventually(t, "it is known", func() bool { h := w.manager.Hosts(); return len(h) == 1 && h[0].Connected }, func() any { return w.manager.Hosts() })
		_ = a.conn.Write(t.Context(), websocket.MessageText, []byte(tc.message))
		require.Contains(t, a.ended().Error(), tc.want)
		eventually(t, "it is gone", func() bool { return !w.manager.Hosts()[0].Connected }, func() any { return w.manager.Hosts() })
	}
	require.Equal(t, 5.0, testutil.ToFloat64(w.manager.n.closed.WithLabelValues("malformed")))
	a := w.connect("a") // what is of a newer version does no harm
	for _, m := range []string{`{"new":{"a":1}}`, `{"assignments":{"revision":1}}`, `{"fetch":{"request":1}}`, `{"packets":{"request":77,"packets":[{"capture":"x","data":""}]}}`} {
		require.NoError(t, a.conn.Write(t.Context(), websocket.MessageText, []byte(m)))
	}
	eventually(t, "all is read", func() bool { return testutil.ToFloat64(w.manager.n.drops.WithLabelValues("packets")) == 1 }, func() any { return nil })
	require.Equal(t, 3.0, testutil.ToFloat64(w.manager.n.drops.WithLabelValues("unexpected")))
	require.True(t, w.manager.Hosts()[0].Connected)
}

// TestNewerWins has two collectors take one host.
func TestNewerWins(t *testing.T) {
	w := newWorld(t, quick())
	w.report(hostNode("a"), link("a", 2, "veth"))
	w.define("one", veths)
	old := w.connect("a")
	w.shows("a veth2 one=running")
	before := w.written()
	next := w.connect("a")
	next.follows("one:veth2")
	require.Equal(t, websocket.StatusGoingAway, websocket.CloseStatus(old.ended()))
	require.Contains(t, old.ended().Error(), "another collector with the same host.id")
	w.shows("a veth2 one=running")
	require.Equal(t, before, w.written(), "the graph was told of the change")
	require.Len(t, w.manager.Hosts(), 1)
	require.Empty(t, w.manager.Hosts()[0].Problems)
	for range 3 {
		w.connect("a").follows("one:veth2")
	}
	require.Contains(t, w.manager.Hosts()[0].Problems[0].Error, "take turns")
}

// TestSilent has a host that is gone without a word, and one that lives on the
// server's timeouts.
func TestSilent(t *testing.T) {
	cfg := quick()
	cfg.Session.Ping, cfg.Session.Silence = 50*time.Millisecond, time.Second
	w := newWorld(t, cfg)
	w.report(hostNode("a"), hostNode("b"), link("a", 2, "veth"), link("b", 2, "veth"))
	w.define("one", veths)
	b := w.connect("b") // answers pings for longer than the server's timeouts are
	// A proxy stands for a network that breaks: it goes on listening, and passes
	// nothing on.
	cut := make(chan struct{})
	front := proxy(t, w.server.Listener.Addr().String(), cut)
	c, r, err := websocket.Dial(t.Context(), "http://"+front+order.Path("a"), nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusSwitchingProtocols, r.StatusCode)
	require.NoError(t, c.Write(t.Context(), websocket.MessageText, []byte(hello("a"))))
	reading := make(chan struct{})
	go func() { // reading answers pings
		defer close(reading)
		for {
			if _, _, err := c.Read(context.Background()); err != nil {
				return
			}
		}
	}()
	w.shows("a veth2 one=starting", "b veth2 one=running")
	begin := time.Now()
	eventually(t, "the server's timeouts are over", func() bool { return time.Since(begin) > 500*time.Millisecond }, func() any { return nil })
	w.shows("a veth2 one=starting", "b veth2 one=running")
	close(cut)
	w.shows("a veth2 one=waiting", "b veth2 one=running")
	require.Equal(t, 1.0, testutil.ToFloat64(w.manager.n.closed.WithLabelValues("silent")))
	_ = c.CloseNow()
	<-reading
	b.follows("one:veth2")
}

// proxy passes bytes between connections and a server until cut.
func proxy(t *testing.T, server string, cut chan struct{}) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // a test
	require.NoError(t, err)
	var parts sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	pass := func(from, to net.Conn) {
		b := make([]byte, 4096)
		for {
			n, err := from.Read(b)
			if err != nil {
				return
			}
			select {
			case <-cut:
			default:
				_, _ = to.Write(b[:n])
			}
		}
	}
	parts.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", server) //nolint:noctx // a test
			if err != nil {
				_ = in.Close()
				return
			}
			mu.Lock()
			open = append(open, in, out)
			mu.Unlock()
			parts.Go(func() { pass(in, out) })
			parts.Go(func() { pass(out, in) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for _, c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		parts.Wait()
	})
	return l.Addr().String()
}

// TestSlowHost has a host that does not read: the others do not notice, and it is
// given what holds at last.
func TestSlowHost(t *testing.T) {
	cfg := quick()
	cfg.Session.Write = 300 * time.Millisecond
	w := newWorld(t, cfg)
	w.report(hostNode("a"), hostNode("b"))
	for i := range 400 {
		w.report(link("a", i+1, "veth", "Name", strings.Repeat("n", 200)))
	}
	w.report(link("b", 2, "veth"))
	long := "tcp port " + strings.Repeat("1 or tcp port ", 200) + "2"
	w.define("one", veths, filter(long))
	c, _, err := w.dial("a")
	require.NoError(t, err)
	defer func() { _ = c.CloseNow() }()
	require.NoError(t, c.Write(t.Context(), websocket.MessageText, []byte(hello("a")))) // and read nothing
	b := w.connect("b")
	for i := range 20 {
		f := fmt.Sprintf("%s or tcp port %d", long, i+3)
		w.redefine("one", veths, filter(f))
		b.follows("one:veth2" + f)
	}
	closed := func(reason string) float64 { return testutil.ToFloat64(w.manager.n.closed.WithLabelValues(reason)) }
	eventually(t, "the session ends", func() bool { return closed("write")+closed("silent") == 1 }, func() any { return w.manager.Hosts() })
	require.True(t, w.manager.Hosts()[1].Connected)
}

// TestLatestWins has orders change faster than a host is written to.
func TestLatestWins(t *testing.T) {
	w := newWorld(t, quick())
	w.report(hostNode("a"), link("a", 2, "veth"))
	w.define("one", veths)
	a := w.connect("a")
	for i := range 50 {
		w.redefine("one", veths, filter(fmt.Sprintf("port %d", i+1)))
	}
	a.follows("one:veth2port 50")
	w.shows("a veth2 one=running")
}

func TestTooManySessions(t *testing.T) {
	cfg := quick()
	cfg.Session.Max, cfg.MaxHosts = 2, 2
	w := newWorld(t, cfg)
	a, _ := w.connect("a"), w.connect("b")
	_, code, err := w.dial("c")
	require.Error(t, err)
	require.Equal(t, http.StatusServiceUnavailable, code)
	a.close()
	c := w.connect("c") // a is forgotten for it
	c.follows()
	hosts := w.manager.Hosts()
	require.Len(t, hosts, 2)
	require.Equal(t, "b", hosts[0].ID)
}

// TestTooManyHosts has a host come that there is no room for.
func TestTooManyHosts(t *testing.T) {
	cfg := quick()
	cfg.MaxHosts = 1
	w := newWorld(t, cfg)
	w.connect("a").follows()
	b, _, err := w.dial("b")
	require.NoError(t, err)
	require.NoError(t, b.Write(t.Context(), websocket.MessageText, []byte(hello("b"))))
	require.Contains(t, refusal(t, b), "1 hosts are known, the limit")
	require.Equal(t, 1.0, testutil.ToFloat64(w.manager.n.closed.WithLabelValues("other")))
	require.Len(t, w.manager.Hosts(), 1)
}

// TestForget has a host go for good.
func TestForget(t *testing.T) {
	cfg := quick()
	cfg.Forget = 10 * time.Millisecond
	w := newWorld(t, cfg)
	w.connect("a").follows()
	w.connect("b").close()
	eventually(t, "b is forgotten", func() bool { h := w.manager.Hosts(); return len(h) == 1 && h[0].ID == "a" }, func() any { return w.manager.Hosts() })
}

// TestHave has a host that follows orders of a daemon whose clock was ahead.
func TestHave(t *testing.T) {
	w := newWorld(t, quick())
	ahead := uint64(time.Now().Add(time.Hour).UnixMilli()) //nolint:gosec // not negative
	for have, want := range map[uint64]uint64{ahead: ahead, 1<<64 - 1: 0} {
		var c *websocket.Conn
		eventually(t, "it is let in", func() bool { c, _, _ = w.dial("a"); return c != nil }, func() any { return nil })
		b, err := order.Encode(&order.Envelope{Hello: &order.Hello{HostID: "a", Instance: "i", Have: have}})
		require.NoError(t, err)
		require.NoError(t, c.Write(t.Context(), websocket.MessageText, b))
		_, b, err = c.Read(t.Context())
		require.NoError(t, err)
		e, err := order.Decode(b)
		require.NoError(t, err)
		require.Greater(t, e.Assignments.Revision, want)
		require.NotNil(t, e.Assignments.Captures)
		_ = c.CloseNow()
	}
}

// TestThrottle has a host send much more than it may.
func TestThrottle(t *testing.T) {
	cfg := quick()
	cfg.Session.Rate, cfg.Session.Burst = 100, 10
	w := newWorld(t, cfg)
	w.report(hostNode("a"), link("a", 2, "veth"))
	w.define("one", veths)
	a := w.connect("a")
	w.shows("a veth2 one=running")
	for i := range 50 {
		a.set("one", func(s *order.CaptureState) { s.Packets = int64(i) })
	}
	eventually(t, "all is read some time", func() bool { return w.status("one").Packets == 49 }, func() any { return w.status("one") })
	require.Greater(t, testutil.ToFloat64(w.manager.n.throttled), 20.0)
	b := bucket{rate: 10, burst: 5, left: 5, at: time.Unix(0, 0)}
	require.Zero(t, b.take(5, time.Unix(0, 0)))
	require.Equal(t, 100*time.Millisecond, b.take(1, time.Unix(0, 0)))
	require.Zero(t, b.take(1, time.Unix(1, 0)))
}

// TestLongList has a host be given more than fits in a message.
func TestLongList(t *testing.T) {
	cfg := quick()
	cfg.Session.Silence = 20 * time.Second // reading it may take the host a while
	w := newWorld(t, cfg)
	w.report(hostNode("a"))
	for i := range 100 {
		w.report(link("a", i+1, "veth"))
	}
	long := "tcp port " + strings.Repeat("1 or tcp port ", 480) + "2"
	for i := range 8 {
		w.define(fmt.Sprint("c", i), veths, filter(long), func(s *capture.Spec) { s.Layers = []string{"dns"} })
	}
	w.connect("a")
	eventually(t, "some fit", func() bool {
		var n, refused int
		for i := range 8 {
			s := w.status(fmt.Sprint("c", i))
			n, refused = n+s.Running, refused+s.Refused
		}
		return n > 400 && n+refused == 800 && refused > 0
	}, func() any { return fmt.Sprint(w.status("c0"), w.status("c7")) })
	require.Contains(t, fmt.Sprint(w.manager.Nodes("c7")), "longer than one message may be")
}

// TestMetrics shows what is counted.
func TestMetrics(t *testing.T) {
	w := newWorld(t, quick())
	w.report(hostNode("a"), link("a", 2, "veth"), link("a", 3, "veth"))
	w.define("one", veths)
	w.connect("a")
	w.shows("a veth2 one=running", "a veth3 one=running")
	require.NoError(t, testutil.GatherAndCompare(w.reg, strings.NewReader(`
# HELP topologyd_orders_assignments Captures at nodes, those refused included.
# TYPE topologyd_orders_assignments gauge
topologyd_orders_assignments 2
# HELP topologyd_orders_queries Different queries of captures that are followed.
# TYPE topologyd_orders_queries gauge
topologyd_orders_queries 1
# HELP topologyd_orders_sessions Hosts that are connected.
# TYPE topologyd_orders_sessions gauge
topologyd_orders_sessions 1
# HELP topologyd_orders_states Captures at nodes by state.
# TYPE topologyd_orders_states gauge
topologyd_orders_states{state="failed"} 0
topologyd_orders_states{state="refused"} 0
topologyd_orders_states{state="running"} 2
topologyd_orders_states{state="starting"} 0
topologyd_orders_states{state="waiting"} 0
`), "topologyd_orders_assignments", "topologyd_orders_queries", "topologyd_orders_sessions", "topologyd_orders_states"))
	problems, err := testutil.GatherAndLint(w.reg)
	require.NoError(t, err)
	require.Empty(t, problems)
}
