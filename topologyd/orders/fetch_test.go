package orders

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/order"
)

// rawWorld is a world in which packets may be fetched.
func rawWorld(t *testing.T, cfg Config) *world {
	w := newWorld(t, cfg)
	w.restart(func() { w.raw = true })
	return w
}

func (h *fakeHost) answer(request uint64, n int, change ...func(*order.Packets)) {
	p := &order.Packets{Request: request}
	for range n {
		p.Packets = append(p.Packets, order.Packet{Capture: "c", Time: time.Now().UnixNano(), Link: 1, Wire: 1000, Data: make([]byte, 1000)})
	}
	for _, c := range change {
		c(p)
	}
	h.send(&order.Envelope{Packets: p})
}

func done(p *order.Packets) { p.Done = true }

// connected waits until a host is.
func (w *world) connected(id string) {
	w.t.Helper()
	eventually(w.t, id+" is connected", func() bool {
		for _, h := range w.manager.Hosts() {
			if h.ID == id {
				return h.Connected
			}
		}
		return false
	}, func() any { return w.manager.Hosts() })
}

func TestFetch(t *testing.T) {
	w := rawWorld(t, quick())
	var asked order.Fetch
	w.connect("a", func(h *fakeHost) {
		h.fetch = func(f *order.Fetch) {
			asked = *f
			h.answer(f.Request+1000, 5) // of another one
			h.answer(f.Request, 2)
			h.answer(f.Request, 3, func(p *order.Packets) { p.Lost = 4 })
			h.answer(f.Request, 0, done)
		}
	})
	w.connected("a")
	var n, lost int
	var last *order.Packets
	for p, err := range w.manager.Fetch(t.Context(), "a", order.Fetch{Captures: []string{"x"}, MaxPackets: 9}) {
		require.NoError(t, err)
		n, lost, last = n+len(p.Packets), lost+int(p.Lost), p
	}
	require.Equal(t, []int{5, 4}, []int{n, lost})
	require.True(t, last.Done)
	require.Equal(t, order.Fetch{Request: last.Request, Captures: []string{"x"}, MaxPackets: 9}, asked)
}

func fetchAll(ctx context.Context, w *world, host string, f order.Fetch) (n int, err error) {
	for p, e := range w.manager.Fetch(ctx, host, f) {
		if err = e; p != nil {
			n += len(p.Packets)
		}
	}
	return n, err
}

func TestFetchErrors(t *testing.T) {
	w := newWorld(t, quick())
	_, err := fetchAll(t.Context(), w, "a", order.Fetch{})
	require.ErrorIs(t, err, ErrNotAllowed)
	w.restart(func() { w.raw = true })
	_, err = fetchAll(t.Context(), w, "a", order.Fetch{})
	require.ErrorIs(t, err, ErrNoHost)
	a := w.connect("a", func(h *fakeHost) {
		h.fetch = func(f *order.Fetch) {
			if len(f.Flows) == 0 {
				h.answer(f.Request, 2, done, func(p *order.Packets) { p.Error = "raw_packets is off" })
				return
			}
			h.answer(f.Request, 1)
			_ = h.conn.CloseNow()
		}
	})
	w.connected("a")
	n, err := fetchAll(t.Context(), w, "a", order.Fetch{})
	require.ErrorIs(t, err, ErrHost)
	require.ErrorContains(t, err, "raw_packets is off")
	require.Equal(t, 2, n)
	n, err = fetchAll(t.Context(), w, "a", order.Fetch{Flows: []string{"f"}})
	require.ErrorIs(t, err, ErrNoHost)
	require.LessOrEqual(t, n, 1)
	a.ended()
}

// TestFetchCancel ends answers in all ways: the host is told.
func TestFetchCancel(t *testing.T) {
	w := rawWorld(t, quick())
	var mu sync.Mutex
	open := make(map[uint64]bool)
	w.connect("a", func(h *fakeHost) {
		h.fetch = func(f *order.Fetch) {
			mu.Lock()
			open[f.Request] = true
			mu.Unlock()
			h.answer(f.Request, 1)
		}
		h.cancel = func(request uint64) {
			mu.Lock()
			defer mu.Unlock()
			delete(open, request)
		}
	})
	w.connected("a")
	for range w.manager.Fetch(t.Context(), "a", order.Fetch{Follow: true}) {
		break
	}
	ctx, cancel := context.WithCancel(t.Context())
	for _, err := range w.manager.Fetch(ctx, "a", order.Fetch{Follow: true}) {
		if cancel(); err != nil {
			require.ErrorIs(t, err, context.Canceled)
		}
	}
	eventually(t, "all are told", func() bool { mu.Lock(); defer mu.Unlock(); return len(open) == 0 }, func() any { return open })
	// As many as may be, and one more.
	ctx, cancel = context.WithCancel(t.Context())
	var all sync.WaitGroup
	begun := make(chan struct{}, 100)
	for range w.cfg.Session.Fetches {
		all.Go(func() {
			for range w.manager.Fetch(ctx, "a", order.Fetch{Follow: true}) {
				begun <- struct{}{}
			}
		})
	}
	for range w.cfg.Session.Fetches {
		<-begun
	}
	_, err := fetchAll(ctx, w, "a", order.Fetch{})
	require.ErrorIs(t, err, ErrBusy)
	cancel()
	all.Wait()
	eventually(t, "all are told", func() bool { mu.Lock(); defer mu.Unlock(); return len(open) == 0 }, func() any { return open })
}

// TestFetchSlow has who asked take nothing: the session goes on.
func TestFetchSlow(t *testing.T) {
	cfg := quick()
	cfg.Session.FetchBytes, cfg.Session.Rate, cfg.Session.Burst = 20_000, 100_000, 100_000
	w := rawWorld(t, cfg)
	w.report(hostNode("a"), link("a", 2, "veth"))
	w.define("one", veths)
	sent := make(chan struct{}, 100)
	a := w.connect("a", func(h *fakeHost) {
		h.fetch = func(f *order.Fetch) {
			for range 100 {
				h.answer(f.Request, 10)
			}
			sent <- struct{}{}
			if f.Follow {
				h.answer(f.Request, 1, done)
			}
		}
	})
	w.shows("a veth2 one=running")
	for _, follow := range []bool{true, false} {
		var n, lost int64
		var end error
		first := true
		for p, err := range w.manager.Fetch(t.Context(), "a", order.Fetch{Follow: follow}) {
			if first {
				first = false
				<-sent
				a.set("one", func(s *order.CaptureState) { s.Packets++ })
				want := int64(1)
				if !follow {
					want = 2
				}
				eventually(t, "states are read", func() bool { return w.status("one").Packets == want }, func() any { return w.status("one") })
			}
			if end = err; p != nil {
				n, lost = n+int64(len(p.Packets)), lost+p.Lost
			}
		}
		if follow {
			require.NoError(t, end)
			require.Equal(t, int64(1001), n+lost, fmt.Sprint(n, lost))
			require.Greater(t, lost, int64(500))
		} else {
			require.ErrorIs(t, end, ErrTooSlow)
			require.Less(t, n, int64(100))
		}
	}
	require.Greater(t, testutil.ToFloat64(w.manager.n.drops.WithLabelValues("slow")), 500.0)
}
