package orders

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/order"
)

// fakeHost is a collector: it follows orders and says how that goes.
type fakeHost struct {
	t    testing.TB
	id   string
	conn *websocket.Conn
	done chan struct{}

	sending sync.Mutex

	mu     sync.Mutex
	list   *order.Assignments
	empty  int // lists with nothing
	states map[string]order.CaptureState
	mute   bool // say nothing by itself
	lose   func() bool
	fetch  func(*order.Fetch)
	cancel func(uint64)
	err    error
}

// dial opens a session without the first message.
func (w *world) dial(id string) (*websocket.Conn, int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, r, err := websocket.Dial(ctx, w.server.URL+order.Path(id), nil)
	if err != nil {
		code := 0
		if r != nil {
			code = r.StatusCode
			_ = r.Body.Close()
		}
		return nil, code, err
	}
	c.SetReadLimit(order.MaxMessage)
	return c, r.StatusCode, nil
}

// connect starts a host that does what it is told.
func (w *world) connect(id string, change ...func(*fakeHost)) *fakeHost {
	w.t.Helper()
	h := &fakeHost{t: w.t, id: id, done: make(chan struct{}), states: make(map[string]order.CaptureState)}
	for _, c := range change {
		c(h)
	}
	eventually(w.t, "host "+id+" is let in", func() (ok bool) {
		h.conn, _, _ = w.dial(id)
		return h.conn != nil
	}, func() any { return "not let in" })
	h.send(&order.Envelope{Hello: &order.Hello{HostID: id, HostName: id + ".example", Instance: fmt.Sprintf("%p", h), Types: []string{"afpacket"}, RawPackets: true, Version: "1"}})
	go h.run()
	w.t.Cleanup(h.close)
	return h
}

func (h *fakeHost) send(e *order.Envelope) {
	b, err := order.Encode(e)
	if err != nil {
		h.t.Error(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = h.conn.Write(ctx, websocket.MessageText, b)
}

func (h *fakeHost) run() {
	defer close(h.done)
	for {
		_, b, err := h.conn.Read(context.Background())
		if err != nil {
			h.mu.Lock()
			h.err = err
			h.mu.Unlock()
			return
		}
		e, err := order.Decode(b)
		if err != nil {
			h.t.Error(err)
			return
		}
		switch {
		case e.Assignments != nil:
			h.take(e.Assignments)
		case e.Fetch != nil && h.fetch != nil:
			h.fetch(e.Fetch)
		case e.Cancel != nil && h.cancel != nil:
			h.cancel(e.Cancel.Request)
		}
	}
}

// take follows a list and tells of it.
func (h *fakeHost) take(list *order.Assignments) {
	h.mu.Lock()
	if h.list != nil && h.list.Revision >= list.Revision {
		h.t.Errorf("revision %d after %d", list.Revision, h.list.Revision)
	}
	h.list = list
	if len(list.Captures) == 0 {
		h.empty++
	}
	states := make(map[string]order.CaptureState)
	for i := range list.Captures {
		c := &list.Captures[i]
		if err := c.Validate(); err != nil {
			h.t.Errorf("%+v: %v", c, err)
		}
		s, known := h.states[c.ID]
		if !known || s.Revision != c.Revision {
			s = order.CaptureState{ID: c.ID, Revision: c.Revision, State: order.StateRunning, Proof: order.ProofPacket, Type: "afpacket"}
		}
		states[c.ID] = s
	}
	h.states = states
	mute := h.mute
	h.mu.Unlock()
	if !mute {
		h.whole()
	}
}

// whole tells of everything.
func (h *fakeHost) whole() { h.say(true, func(*order.CaptureState) bool { return true }) }

// say tells of some; lose may have the message lost, or sent twice.
func (h *fakeHost) say(whole bool, which func(*order.CaptureState) bool) {
	h.sending.Lock() // messages go in the order in which they are made
	defer h.sending.Unlock()
	h.mu.Lock()
	m := &order.State{Whole: whole, Captures: []order.CaptureState{}}
	for id, s := range h.states {
		if which(&s) {
			h.states[id] = s
			m.Captures = append(m.Captures, s)
		}
	}
	lost := h.lose != nil && h.lose()
	h.mu.Unlock()
	if !lost {
		h.send(&order.Envelope{State: m})
	}
}

// set changes the state of all captures of a definition, and tells of it.
func (h *fakeHost) set(definition string, change func(*order.CaptureState)) {
	h.say(false, func(s *order.CaptureState) bool {
		d, _, _ := strings.Cut(s.ID, "/")
		if d != definition {
			return false
		}
		change(s)
		return true
	})
}

// given returns the definitions and interfaces of the list, sorted.
func (h *fakeHost) given() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.list == nil {
		return "nothing yet"
	}
	out := make([]string, 0, len(h.list.Captures))
	for i := range h.list.Captures {
		c := &h.list.Captures[i]
		out = append(out, c.Definition()+":"+c.Node.Interface+c.Filter)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func (h *fakeHost) capture(t testing.TB, definition string) order.Capture {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.list.Captures {
		if c.Definition() == definition {
			return c
		}
	}
	t.Fatalf("nothing of %s is in the list", definition)
	return order.Capture{}
}

// follows waits until the host was given this.
func (h *fakeHost) follows(list ...string) {
	h.t.Helper()
	slices.Sort(list)
	want := strings.Join(list, " ")
	eventually(h.t, "host "+h.id+" follows "+want, func() bool { return h.given() == want }, func() any { return h.given() })
}

// ended waits until the session is over and returns why.
func (h *fakeHost) ended() error {
	h.t.Helper()
	select {
	case <-h.done:
	case <-time.After(30 * time.Second):
		h.t.Fatal("the session goes on")
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	require.Error(h.t, h.err)
	return h.err
}

func (h *fakeHost) close() {
	_ = h.conn.CloseNow()
	<-h.done
}

// stateOf is all that a host would say.
func stateOf(h *fakeHost) *order.State {
	h.mu.Lock()
	defer h.mu.Unlock()
	m := &order.State{}
	for _, s := range h.states {
		m.Captures = append(m.Captures, s)
	}
	return m
}
