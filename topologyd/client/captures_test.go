package client_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/order"
	"github.com/skein-net/skein/topologyd/api"
	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/capture"
	"github.com/skein-net/skein/topologyd/client"
	"github.com/skein-net/skein/topologyd/definition"
	"github.com/skein-net/skein/topologyd/definition/definitiontest"
	"github.com/skein-net/skein/topologyd/orders"
)

// world are captures that do one thing after the other: each question for the
// status takes the next, the last one stays.
type world struct {
	mu     sync.Mutex
	states []orders.Status
	nodes  []orders.NodeStatus
}

func (w *world) set(nodes []orders.NodeStatus, states ...orders.Status) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.states, w.nodes = states, nodes
}

func (w *world) Status(*definition.Definition) orders.Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.states[0]
	if len(w.states) > 1 {
		w.states = w.states[1:]
	}
	return s
}

func (w *world) Nodes(string) []orders.NodeStatus {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.nodes
}

func (w *world) Hosts() []orders.Host {
	return []orders.Host{{ID: "a/b c%2F", Name: "web-1", Connected: true, Types: []string{order.TypeEBPF},
		Problems: []order.Problem{{Feature: "tcx", Error: "no", Fallback: "clsact"}}, Captures: 2, Running: 1}}
}

func (w *world) Serve(http.ResponseWriter, *http.Request) {}

// captureClient is a client of the real API over a store in memory.
func captureClient(t *testing.T) (*client.Client, *world) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	store, err := definition.New(definition.DefaultConfig(), definition.Deps{Log: log, Leads: func() bool { return true }, Now: time.Now}, capture.Kinds())
	require.NoError(t, err)
	require.NoError(t, store.Start(t.Context(), &definitiontest.KV{}))
	t.Cleanup(store.Stop)
	w := &world{states: []orders.Status{{State: orders.StateRunning, Matched: 1, Running: 1, Packets: 9}}}
	reg := prometheus.NewRegistry()
	a, err := api.New(api.DefaultConfig(), api.Deps{Definitions: store, Captures: w, Log: log, Registerer: reg, Gatherer: reg, Ready: func() error { return nil }})
	require.NoError(t, err)
	s := httptest.NewServer(http.StripPrefix("/sub", httpx.Mux(a.Routes())))
	t.Cleanup(s.Close)
	cfg := client.DefaultConfig()
	cfg.Server = s.URL + "/sub/"
	c, err := client.New(cfg)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c, w
}

func TestCaptures(t *testing.T) {
	c, w := captureClient(t)
	ctx := t.Context()
	spec := client.CaptureSpec{Query: "G.V().Has('Type','veth')", Options: order.Options{Filter: "tcp port 443", CPU: 50}}
	made, err := c.CreateCapture(ctx, &client.Capture{ID: "web", Name: "my-cap", Description: "d", TTL: "1h", Spec: spec})
	require.NoError(t, err)
	require.Equal(t, spec, made.Spec)
	require.Equal(t, "capture", made.Kind)
	require.Equal(t, &client.CaptureStatus{State: client.CaptureRunning, Matched: 1, Running: 1, Packets: 9}, made.Status)
	require.WithinDuration(t, time.Now().Add(time.Hour), made.Expires, time.Minute)

	made.Spec.Filter = "udp"
	changed, err := c.ReplaceCapture(ctx, made)
	require.NoError(t, err)
	require.Equal(t, "udp", changed.Spec.Filter)
	_, err = c.ReplaceCapture(ctx, made)
	var e *client.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, client.CodeConflict, e.Code)
	got, err := c.Capture(ctx, "web")
	require.NoError(t, err)
	require.Equal(t, changed, got)

	_, err = c.CreateCapture(ctx, &client.Capture{Spec: client.CaptureSpec{Query: "G.V()", Options: order.Options{Filter: "tcp prot 1"}}})
	require.ErrorAs(t, err, &e)
	require.Equal(t, client.CodeSyntax, e.Code)
	require.Equal(t, "filter", e.Field)
	require.NotNil(t, e.Position)

	for _, id := range []string{"a", "b"} {
		_, err = c.CreateCapture(ctx, &client.Capture{ID: id, Name: "twice", Spec: client.CaptureSpec{Query: "G.V()"}})
		require.NoError(t, err)
	}
	list, err := c.Captures(ctx)
	require.NoError(t, err)
	require.Len(t, list, 3)
	for _, ref := range []string{"web", "my-cap"} {
		found, err := c.FindCapture(ctx, ref)
		require.NoError(t, err)
		require.Equal(t, "web", found.ID)
	}
	_, err = c.FindCapture(ctx, "twice")
	require.EqualError(t, err, `2 captures have the name "twice"; give the ID of one: a, b`)
	_, err = c.FindCapture(ctx, "none")
	require.ErrorAs(t, err, &e)
	require.Equal(t, client.CodeNotFound, e.Code)

	w.set([]orders.NodeStatus{{Node: "n", Host: "h", Interface: "eth0", CaptureState: order.CaptureState{ID: "web/n", State: order.StateRunning, Counters: order.Counters{Packets: 3}}}},
		orders.Status{State: orders.StateRunning})
	nodes, err := c.CaptureNodes(ctx, "web")
	require.NoError(t, err)
	require.Len(t, nodes, 1)
	require.Equal(t, int64(3), nodes[0].Packets)
	require.Equal(t, "h", nodes[0].HostLabel())

	require.NoError(t, c.DeleteCapture(ctx, "web"))
	_, err = c.CaptureNodes(ctx, "web")
	require.ErrorAs(t, err, &e)
	require.Equal(t, client.CodeNotFound, e.Code)
	_, err = c.Capture(ctx, "a/b")
	require.ErrorContains(t, err, "is not the ID")
	_, err = c.CaptureNodes(ctx, "..")
	require.ErrorContains(t, err, "is not the ID")
}

func TestHosts(t *testing.T) {
	c, w := captureClient(t)
	hosts, err := c.Hosts(t.Context())
	require.NoError(t, err)
	require.Len(t, hosts, 1)
	require.Equal(t, w.Hosts()[0].Problems, hosts[0].Problems)
	h, err := c.Host(t.Context(), hosts[0].ID)
	require.NoError(t, err)
	h.Raw, hosts[0].Raw = nil, nil
	require.Equal(t, &hosts[0], h)
	_, err = c.Host(t.Context(), "none")
	var e *client.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, client.CodeNotFound, e.Code)
}

func TestWaitCapture(t *testing.T) {
	c, w := captureClient(t)
	_, err := c.CreateCapture(t.Context(), &client.Capture{ID: "web", Spec: client.CaptureSpec{Query: "G.V()"}})
	require.NoError(t, err)
	node := func(name, state, why string) orders.NodeStatus {
		return orders.NodeStatus{Interface: name, Host: "h", HostName: "web-1", CaptureState: order.CaptureState{State: state, Error: why}}
	}
	nodes := []orders.NodeStatus{node("eth0", order.StateRunning, ""), node("eth1", order.StateFailed, "interface is down"), node("eth2", order.StateStarting, "")}
	pending := orders.Status{State: orders.StatePending}
	starting := orders.Status{State: orders.StatePartial, Matched: 1, Starting: 1}
	for name, x := range map[string]struct {
		states []orders.Status
		want   string
		waits  bool
	}{
		"runs":     {[]orders.Status{pending, starting, {State: orders.StateRunning, Matched: 1, Running: 1}}, "", false},
		"a node":   {[]orders.Status{pending, {State: orders.StatePartial, Matched: 3, Running: 1, Failed: 1, Starting: 1}}, "1 of 3 nodes are captured\n  eth1 on web-1: failed: interface is down\n  eth2 on web-1: starting", false},
		"whole":    {[]orders.Status{{State: orders.StateFailed, Error: "too many nodes"}}, "too many nodes", false},
		"idle":     {[]orders.Status{pending, {State: orders.StateIdle}}, "its query finds nothing now; it begins when something appears", false},
		"follower": {[]orders.Status{{State: orders.StateFollower}}, "another daemon of the cluster leads and knows how it does; ask that one", true},
		"leads":    {[]orders.Status{{State: orders.StateFollower}, pending, {State: orders.StateFollower}, starting, {State: orders.StateRunning, Matched: 1, Running: 1}}, "", false},
		"late":     {[]orders.Status{starting}, "it does not run on all nodes in time\n  eth1 on web-1: failed: interface is down\n  eth2 on web-1: starting", true},
	} {
		t.Run(name, func(t *testing.T) {
			w.set(nodes, x.states...)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if x.waits {
				ctx, cancel = context.WithTimeout(t.Context(), 500*time.Millisecond)
				defer cancel()
			}
			d, err := c.WaitCapture(ctx, "web")
			if x.want == "" {
				require.NoError(t, err)
			} else {
				require.EqualError(t, err, "capture web: "+x.want)
			}
			require.Equal(t, x.waits, errors.Is(err, client.ErrCaptureWaits))
			require.Equal(t, "web", d.ID)
		})
	}
	_, err = c.WaitCapture(t.Context(), "none")
	var e *client.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, client.CodeNotFound, e.Code)
}

// TestWaitCaptureStarting has the server not be available at first.
func TestWaitCaptureStarting(t *testing.T) {
	var asked atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) < 3 {
			httpx.WriteRetry(w, http.StatusServiceUnavailable, 1, &httpx.Error{Code: httpx.CodeUnavailable, Message: "starting"})
			return
		}
		httpx.WriteJSON(w, http.StatusOK, &client.Capture{ID: "web", Status: &client.CaptureStatus{State: client.CaptureRunning}})
	}))
	t.Cleanup(s.Close)
	cfg := client.DefaultConfig()
	cfg.Server = s.URL
	c, err := client.New(cfg)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	d, err := c.WaitCapture(t.Context(), "web")
	require.NoError(t, err)
	require.Equal(t, client.CaptureRunning, d.Status.State)
	require.Equal(t, int64(3), asked.Load())
}
