package orders

import (
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"
)

// letIn opens a session without the first message, until the test ends.
func (w *world) letIn(id string) (c *websocket.Conn) {
	w.t.Helper()
	eventually(w.t, "host "+id+" is let in", func() bool { c, _, _ = w.dial(id); return c != nil }, func() any { return nil })
	w.t.Cleanup(func() { _ = c.CloseNow() })
	return c
}

// TestStopWhilePinging ends sessions whose hosts are asked for signs all the time:
// a ping that is being written never cuts off the reason for the end.
func TestStopWhilePinging(t *testing.T) {
	cfg := quick()
	cfg.Session.Ping, cfg.Session.Silence, cfg.Session.Close = time.Microsecond, time.Minute, 20*time.Second
	w := newWorld(t, cfg)
	for range 10 {
		var hosts []*fakeHost
		for _, id := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
			hosts = append(hosts, w.connect(id))
		}
		for _, h := range hosts {
			h.follows()
		}
		w.restart(nil)
		for _, h := range hosts {
			require.Equal(t, websocket.StatusGoingAway, websocket.CloseStatus(h.ended()), "%s: %v", h.id, h.ended())
		}
	}
}

// TestEndBeforeHello has hosts that were let in, and said nothing yet, told why they
// are sent away.
func TestEndBeforeHello(t *testing.T) {
	cfg := quick()
	cfg.Session.Hello, cfg.Session.Close = time.Minute, 20*time.Second
	w := newWorld(t, cfg)
	for _, tc := range []struct {
		end  func()
		want websocket.StatusCode
	}{
		{func() { w.leads.Store(false) }, websocket.StatusTryAgainLater},
		{func() { w.leads.Store(true); w.restart(nil) }, websocket.StatusGoingAway},
	} {
		c := w.letIn("a")
		said := make(chan error, 1)
		go func() {
			_, _, err := c.Read(t.Context())
			said <- err
		}()
		tc.end()
		err := <-said
		require.Equal(t, tc.want, websocket.CloseStatus(err), "%v", err)
		w.leads.Store(true)
	}
}

// TestDeafHost has hosts that do not answer the end of their session: it ends all
// the same, and what they read afterwards is why.
func TestDeafHost(t *testing.T) {
	w := newWorld(t, quick())
	known, strange := w.letIn("a"), w.letIn("b")
	require.NoError(t, known.Write(t.Context(), websocket.MessageText, []byte(hello("a"))))
	eventually(t, "it is known", func() bool { return len(w.manager.Hosts()) == 1 }, func() any { return w.manager.Hosts() })
	w.restart(nil)
	for _, c := range []*websocket.Conn{known, strange} {
		var err error
		for err == nil {
			_, _, err = c.Read(t.Context())
		}
		require.Equal(t, websocket.StatusGoingAway, websocket.CloseStatus(err), "%v", err)
	}
}
