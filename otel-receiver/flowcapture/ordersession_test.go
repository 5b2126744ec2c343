package flowcapture

import (
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/skein-net/skein/internal/order"
	"github.com/skein-net/skein/otel-receiver/flowcapture/internal/metadata"
	"github.com/skein-net/skein/otel-receiver/source"
)

// orderer is a topologyd that orders what a test says.
type orderer struct {
	*httptest.Server
	mu      sync.Mutex
	conn    *websocket.Conn
	hello   *order.Hello
	states  map[string]order.CaptureState
	packets []order.Packet
	closed  bool
}

func newOrderer(t *testing.T) *orderer {
	o := &orderer{states: make(map[string]order.CaptureState)}
	o.Server = httptest.NewServer(http.HandlerFunc(o.serve))
	t.Cleanup(func() { o.drop(true); o.Server.Close() })
	return o
}

// drop ends the session; with shut no other begins.
func (o *orderer) drop(shut bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = shut
	if o.conn != nil {
		_ = o.conn.CloseNow()
		o.conn = nil
	}
}

func (o *orderer) serve(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	closed := o.closed
	o.mu.Unlock()
	if closed {
		http.Error(w, "not the leader", http.StatusServiceUnavailable)
		return
	}
	c, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer c.CloseNow()
	c.SetReadLimit(order.MaxMessage)
	o.mu.Lock()
	o.conn = c
	o.mu.Unlock()
	for {
		_, b, err := c.Read(context.Background())
		if err != nil {
			return
		}
		e, err := order.Decode(b)
		if err != nil {
			return
		}
		o.take(e)
	}
}

func (o *orderer) take(e *order.Envelope) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case e.Hello != nil:
		o.hello = e.Hello
	case e.State != nil:
		if e.State.Whole {
			clear(o.states)
		}
		for _, st := range e.State.Captures {
			o.states[st.ID] = st
		}
	case e.Packets != nil:
		o.packets = append(o.packets, e.Packets.Packets...)
	}
}

func (o *orderer) send(t *testing.T, e order.Envelope) {
	t.Helper()
	b, err := order.Encode(&e)
	require.NoError(t, err)
	o.mu.Lock()
	c := o.conn
	o.mu.Unlock()
	require.NoError(t, c.Write(t.Context(), websocket.MessageText, b))
}

func (o *orderer) state(id string) order.CaptureState {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.states[id]
}

// connected waits for a session.
func (o *orderer) connected(t *testing.T) {
	t.Helper()
	eventually(t, "a session", 20*time.Second, func() bool {
		o.mu.Lock()
		defer o.mu.Unlock()
		return o.conn != nil && o.hello != nil
	})
}

// TestOrders goes from a topologyd to packets and back: captures are ordered,
// told of, fetched from, go on while topologyd is away and after a restart, and
// what is wrong with the session is the component's status.
func TestOrders(t *testing.T) {
	topologyd, g, host := newOrderer(t), newTestGround(2), new(statusHost)
	g.open = func(c *CaptureConfig, at *spot) (source.Source, error) {
		key := c.Name + " " + at.link.Name
		s := &scripted{}
		s.run = func(ctx context.Context, w []source.Worker) error {
			g.note(key, 1)
			defer g.note(key, -1)
			s.opened.Add(1)
			for i := range 3 {
				s.frame(w[0], udp(t, 1, 2, 4000, 5000, 10*i), time.Now().UnixNano())
			}
			return ticking(ctx, w[0])
		}
		return s, nil
	}
	cfg := testConfig(typeAFPacket)
	cfg.Captures = nil
	cfg.Orders.Endpoints, cfg.Orders.RawPackets = []string{topologyd.URL}, true
	cfg.Orders.Storage = filepath.Join(t.TempDir(), "orders.json")
	tel := componenttest.NewTelemetry()
	defer tel.Shutdown(context.Background()) //nolint:errcheck // the test ends
	begin := func() *flowReceiver {
		set := receivertest.NewNopSettings(metadata.Type)
		set.TelemetrySettings = tel.NewTelemetrySettings()
		l, err := NewFactory().CreateLogs(t.Context(), set, cfg, new(consumertest.LogsSink))
		require.NoError(t, err)
		r := l.(*flowReceiver)
		r.newGround = func(HostConfig) (ground, error) { return g, nil }
		require.NoError(t, r.Start(t.Context(), host))
		return r
	}
	r := begin()
	topologyd.connected(t)
	require.Equal(t, "h", topologyd.hello.HostID)
	require.True(t, topologyd.hello.RawPackets)
	require.Contains(t, topologyd.hello.Types, order.TypeAFPacket)
	a, b := testOrder("d/1", 1), testOrder("d/2", 2)
	a.RawPackets, b.Filter = 2, "tcp and nonsense"
	topologyd.send(t, order.Envelope{Assignments: &order.Assignments{Revision: 1, Captures: []order.Capture{a, b}}})
	eventually(t, "both states", 20*time.Second, func() bool {
		x, y := topologyd.state(a.ID), topologyd.state(b.ID)
		return x.State == order.StateRunning && x.Proof == order.ProofPacket && y.State == order.StateFailed && y.Error != ""
	})
	require.Equal(t, map[string]int64{"starting": 0, "running": 1, "failed": 1, "refused": 0}, gauge(t, tel, "assignments", "state"))
	require.Equal(t, map[string]int64{"": 1}, gauge(t, tel, "connected", ""))
	require.Equal(t, int64(1), gauge(t, tel, "sessions", "")[""])
	require.Equal(t, int64(1), gauge(t, tel, "messages", "direction")["received"])
	require.Zero(t, gauge(t, tel, "failures", "reason")["storage"])

	topologyd.send(t, order.Envelope{Fetch: &order.Fetch{Request: 1}})
	eventually(t, "the packets", 20*time.Second, func() bool {
		topologyd.mu.Lock()
		defer topologyd.mu.Unlock()
		return len(topologyd.packets) == 2
	})
	require.Equal(t, a.ID, topologyd.packets[0].Capture)
	require.NotEmpty(t, topologyd.packets[0].Flow)

	topologyd.drop(true)
	eventually(t, "the component's status", 20*time.Second, func() bool {
		s, msg := host.last()
		return s == componentstatus.StatusRecoverableError && msg == "orders: "+topologyd.URL+": not available now: not the leader"
	})
	require.Len(t, g.runs(), 1, "the capture goes on")
	stop(t, r)
	require.Empty(t, g.runs())
	r = begin() // without topologyd
	eventually(t, "the kept capture", 20*time.Second, func() bool { return len(g.runs()) == 1 })
	topologyd.drop(false)
	topologyd.connected(t)
	eventually(t, "the component's status", 20*time.Second, func() bool { s, _ := host.last(); return s == componentstatus.StatusOK })
	topologyd.send(t, order.Envelope{Assignments: &order.Assignments{Revision: 2}})
	eventually(t, "the end", 20*time.Second, func() bool { return len(g.runs()) == 0 })
	eventually(t, "no states", 20*time.Second, func() bool { topologyd.mu.Lock(); defer topologyd.mu.Unlock(); return len(topologyd.states) == 0 })
	stop(t, r)
}

// gauge reads a metric of orders by the values of an attribute.
func gauge(t *testing.T, tel *componenttest.Telemetry, name, by string) map[string]int64 {
	t.Helper()
	m, err := tel.GetMetric("otelcol_receiver_flowcapture_orders_" + name)
	require.NoError(t, err)
	var points []metricdata.DataPoint[int64]
	switch d := m.Data.(type) {
	case metricdata.Gauge[int64]:
		points = d.DataPoints
	case metricdata.Sum[int64]:
		points = d.DataPoints
	}
	out := make(map[string]int64)
	for _, p := range points {
		v, _ := p.Attributes.Value(attribute.Key(by))
		out[v.AsString()] = p.Value
	}
	return out
}
