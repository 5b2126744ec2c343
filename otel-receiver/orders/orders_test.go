package orders

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"github.com/skein-net/skein/internal/order"
	"github.com/skein-net/skein/internal/proctest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

// topologyd is a fake one.
type topologyd struct {
	*httptest.Server
	// refuse answers instead of a session when it returns true.
	refuse func(w http.ResponseWriter, r *http.Request) bool
	// ping is how often it gives a sign of life, 0 never.
	ping time.Duration

	mu      sync.Mutex
	conns   []*websocket.Conn
	hellos  []order.Hello
	states  []order.State
	packets []order.Packets
	deaf    bool
	tokens  []string
	paths   []string
}

func newTopologyd(t *testing.T) *topologyd {
	d := &topologyd{ping: 50 * time.Millisecond}
	d.Server = httptest.NewServer(http.HandlerFunc(d.serve))
	t.Cleanup(d.end)
	return d
}

func (d *topologyd) end() {
	d.drop()
	d.Server.Close()
}

func (d *topologyd) serve(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	d.tokens = append(d.tokens, r.Header.Get("Authorization"))
	d.paths = append(d.paths, r.URL.EscapedPath())
	refuse := d.refuse
	d.mu.Unlock()
	if refuse != nil && refuse(w, r) {
		return
	}
	c, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer c.CloseNow()
	c.SetReadLimit(order.MaxMessage)
	d.mu.Lock()
	d.conns = append(d.conns, c)
	deaf := d.deaf
	d.mu.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if deaf {
		for ctx.Err() == nil && d.has(c) {
			sleep(ctx, 5*time.Millisecond)
		}
		return
	}
	if d.ping > 0 {
		go func() {
			for sleep(ctx, d.ping) && c.Ping(ctx) == nil {
			}
		}()
	}
	for {
		_, b, err := c.Read(ctx)
		if err != nil {
			return
		}
		e, err := order.Decode(b)
		if err != nil {
			return
		}
		d.mu.Lock()
		switch {
		case e.Hello != nil:
			d.hellos = append(d.hellos, *e.Hello)
		case e.State != nil:
			d.states = append(d.states, *e.State)
		case e.Packets != nil:
			d.packets = append(d.packets, *e.Packets)
		}
		d.mu.Unlock()
	}
}

func (d *topologyd) has(c *websocket.Conn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, have := range d.conns {
		if have == c {
			return true
		}
	}
	return false
}

// drop breaks all sessions.
func (d *topologyd) drop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.conns {
		_ = c.CloseNow()
	}
	d.conns = nil
}

// raw sends bytes in the newest session.
func (d *topologyd) raw(t *testing.T, b []byte) {
	t.Helper()
	d.mu.Lock()
	c := d.conns[len(d.conns)-1]
	d.mu.Unlock()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := c.Write(ctx, websocket.MessageText, b); err != nil {
		t.Fatal(err)
	}
}

func (d *topologyd) send(t *testing.T, e order.Envelope) {
	t.Helper()
	b, err := order.Encode(&e)
	if err != nil {
		t.Fatal(err)
	}
	d.raw(t, b)
}

func (d *topologyd) order(t *testing.T, revision uint64, list ...order.Capture) {
	t.Helper()
	d.send(t, order.Envelope{Assignments: &order.Assignments{Revision: revision, Captures: list}})
}

// sessions waits until so many sessions were opened.
func (d *topologyd) sessions(t *testing.T, n int) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d sessions", n), func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		return len(d.hellos) >= n
	})
}

// view is what topologyd knows of states, as it has to read them.
func (d *topologyd) view() map[string]order.CaptureState {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := make(map[string]order.CaptureState)
	for _, s := range d.states {
		if s.Whole {
			clear(out)
		}
		for _, c := range s.Captures {
			out[c.ID] = c
		}
	}
	return out
}

// captures is a follower that has all run at once.
type captures struct {
	mu      sync.Mutex
	list    []order.Capture
	follows int
	states  map[string]order.CaptureState
	changed chan struct{}
	busy    bool // counters grow with every look
}

func newCaptures() *captures {
	return &captures{states: make(map[string]order.CaptureState), changed: make(chan struct{}, 1)}
}

func (c *captures) Follow(list []order.Capture) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = list
	c.follows++
	states := make(map[string]order.CaptureState)
	for _, o := range list {
		st, ok := c.states[o.ID]
		if !ok {
			st = order.CaptureState{ID: o.ID, State: order.StateRunning, Proof: order.ProofPacket}
		}
		st.Revision = o.Revision
		states[o.ID] = st
	}
	c.states = states
	c.signal()
}

func (c *captures) signal() {
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

func (c *captures) States() []order.CaptureState {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]order.CaptureState, 0, len(c.states))
	for id, s := range c.states {
		if c.busy {
			s.Packets++
			c.states[id] = s
		}
		out = append(out, s)
	}
	return out
}

func (c *captures) Changed() <-chan struct{} { return c.changed }

// change changes a state; quietly, when only counters do.
func (c *captures) change(id string, quiet bool, fn func(*order.CaptureState)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	st := c.states[id]
	fn(&st)
	c.states[id] = st
	if !quiet {
		c.signal()
	}
}

func (c *captures) ids() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var ids []string
	for _, o := range c.list {
		ids = append(ids, o.ID)
	}
	return strings.Join(ids, " ")
}

func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	proctest.Eventually(t, patience, what, func() error {
		if cond() {
			return nil
		}
		return errors.New("not yet")
	})
}

func testConfig(endpoints ...string) Config {
	c := DefaultConfig()
	c.Endpoints = endpoints
	c.Hello = order.Hello{HostID: "host/1", HostName: "box", Types: []string{order.TypeAFPacket}}
	c.MinWait, c.MaxWait, c.Gather = 5*time.Millisecond, 20*time.Millisecond, time.Millisecond
	return c
}

// begin starts a session that ends with the test.
func begin(t *testing.T, cfg Config, deps Deps) *Session {
	t.Helper()
	deps.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	s, err := New(cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { finish(t, s) })
	return s
}

func finish(t *testing.T, s *Session) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.Stop(ctx); err != nil {
		t.Error(err)
	}
}

func capture(id string) order.Capture {
	return order.Capture{ID: id, Name: id, Revision: 1, Node: order.Node{Interface: "eth0", IfIndex: 2}}
}

// TestSession: hello, list, states at once, counters later, all again after a
// break, and what the session did is counted.
func TestSession(t *testing.T) {
	d, c := newTopologyd(t), newCaptures()
	cfg := testConfig(d.URL)
	cfg.Counters = 20 * time.Millisecond
	cfg.Describe = func(h *order.Hello) { h.Problems = []order.Problem{{Feature: "tcx", Error: "no", Fallback: "clsact"}} }
	s := begin(t, cfg, Deps{Captures: c})
	d.sessions(t, 1)
	if h := d.hellos[0]; h.HostID != "host/1" || h.HostName != "box" || h.Instance == "" || h.Have != 0 || len(h.Problems) != 1 {
		t.Errorf("hello %+v", h)
	}
	if d.paths[0] != "/api/v1/hosts/host%2F1/assignments" {
		t.Errorf("path %s", d.paths[0])
	}
	d.order(t, 4, capture("a/1"), capture("b/1"), capture("a/1"))
	eventually(t, "the list", func() bool { return c.ids() == "a/1 b/1" })
	eventually(t, "states", func() bool { return len(d.view()) == 2 })
	c.change("a/1", false, func(st *order.CaptureState) { st.State, st.Error = order.StateFailed, "is down" })
	eventually(t, "the change", func() bool { return d.view()["a/1"].Error == "is down" })
	c.change("b/1", true, func(st *order.CaptureState) { st.Packets, st.Dropped = 7, map[string]int64{"ring": 1} })
	eventually(t, "counters", func() bool { return d.view()["b/1"].Packets == 7 })
	d.order(t, 5, capture("b/1"))
	eventually(t, "the end of one", func() bool { return c.ids() == "b/1" && len(d.view()) == 1 })

	d.drop()
	d.sessions(t, 2)
	eventually(t, "the revision", func() bool { d.mu.Lock(); defer d.mu.Unlock(); return d.hellos[1].Have == 5 })
	if d.hellos[0].Instance != d.hellos[1].Instance {
		t.Error("the instance changed")
	}
	eventually(t, "all states again", func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		last := d.states[len(d.states)-1]
		return last.Whole && len(last.Captures) == 1
	})
	if c.ids() != "b/1" {
		t.Error("a break ended captures")
	}
	st := s.Stats()
	if st.Sessions != 2 || st.Failures == 0 || st.Received != 2 || st.Sent < 6 || !st.Connected || st.Invalid != 0 {
		t.Errorf("%+v", st)
	}
}

// TestQuiet: counters that do not change are not told again.
func TestQuiet(t *testing.T) {
	d, c := newTopologyd(t), newCaptures()
	cfg := testConfig(d.URL)
	cfg.Counters = 5 * time.Millisecond
	s := begin(t, cfg, Deps{Captures: c})
	d.sessions(t, 1)
	d.order(t, 1, capture("a/1"))
	eventually(t, "the state", func() bool { return len(d.view()) == 1 })
	sent := s.Stats().Sent
	pings := time.Now().Add(100 * time.Millisecond)
	eventually(t, "some rounds", func() bool { return time.Now().After(pings) })
	if now := s.Stats().Sent; now > sent+1 {
		t.Errorf("%d messages that say nothing", now-sent)
	}
}

// TestEndpoints: a replica that does not lead is passed over, and the one that
// does is kept.
func TestEndpoints(t *testing.T) {
	follower, leader, c := newTopologyd(t), newTopologyd(t), newCaptures()
	var asked atomic.Int64
	follower.refuse = func(w http.ResponseWriter, _ *http.Request) bool {
		asked.Add(1)
		w.Header().Set("Retry-After", "1")
		http.Error(w, `{"error":{"code":"not_leader"}}`, http.StatusServiceUnavailable)
		return true
	}
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := testConfig(follower.URL, "http://127.0.0.1:1", strings.Replace(leader.URL, "http", "ws", 1)+"/")
	cfg.TokenFile = token
	begin(t, cfg, Deps{Captures: c})
	leader.sessions(t, 1)
	if err := os.WriteFile(token, []byte("other"), 0o600); err != nil {
		t.Fatal(err)
	}
	leader.drop()
	leader.sessions(t, 2)
	if asked.Load() != 1 {
		t.Errorf("the follower was asked %d times", asked.Load())
	}
	leader.mu.Lock()
	defer leader.mu.Unlock()
	if want := []string{"Bearer s3cret", "Bearer other"}; !reflect.DeepEqual(leader.tokens, want) {
		t.Errorf("tokens %q", leader.tokens)
	}
	if leader.paths[0] != "/api/v1/hosts/host%2F1/assignments" {
		t.Errorf("path %s", leader.paths[0])
	}
}

// TestStatus: who cannot be reached is told once, with what to do, and that it
// can be again.
func TestStatus(t *testing.T) {
	d, c := newTopologyd(t), newCaptures()
	d.refuse = func(w http.ResponseWriter, _ *http.Request) bool {
		http.Error(w, "no such token", http.StatusUnauthorized)
		return true
	}
	var mu sync.Mutex
	var told []string
	begin(t, testConfig(d.URL), Deps{Captures: c, Status: func(err error) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, fmt.Sprint(err))
	}})
	eventually(t, "several attempts", func() bool { d.mu.Lock(); defer d.mu.Unlock(); return len(d.tokens) > 3 })
	d.mu.Lock()
	d.refuse = nil
	d.mu.Unlock()
	d.sessions(t, 1)
	eventually(t, "both", func() bool { mu.Lock(); defer mu.Unlock(); return len(told) >= 2 })
	if len(told) != 2 || told[1] != "<nil>" || !strings.Contains(told[0], "check token_file: no such token") {
		t.Errorf("%q", told)
	}
}

// TestLogged: what lasts for hours takes few lines, whatever the errors say.
func TestLogged(t *testing.T) {
	now := time.Unix(1e9, 0)
	for name, attempt := range map[string]func(l *logged, i int) (lines int){
		"refused":  func(l *logged, _ int) int { return lines(l.away("refused", now)) },
		"reset":    func(l *logged, i int) int { return lines(l.away(fmt.Sprintf("read tcp 127.0.0.1:%d", i), now)) },
		"flapping": func(l *logged, _ int) int { return lines(l.back()) + lines(l.away("EOF", now)) },
	} {
		l, n := new(logged), 0
		for i := range 3600 / 5 {
			n += attempt(l, i)
			now = now.Add(5 * time.Second)
		}
		most := 2*int(time.Hour/logAgain) + 1
		if name == "refused" {
			most = 1
		}
		if n < 1 || n > most {
			t.Errorf("%s: %d lines in an hour, want 1 to %d", name, n, most)
		}
		now = now.Add(logAgain)
		if l.away("another", now); !l.back() || l.back() {
			t.Errorf("%s: its end is not logged once", name)
		}
	}
}

func lines(logged bool) int {
	if logged {
		return 1
	}
	return 0
}

// TestRefusals: each way to be turned away says what it is.
func TestRefusals(t *testing.T) {
	for code, want := range map[int]string{
		http.StatusForbidden: "check token_file", http.StatusNotFound: "does not give orders", http.StatusServiceUnavailable: "not available now: why",
		http.StatusTeapot: "refused with status 418: why", http.StatusFound: "refused with status 302",
	} {
		d := newTopologyd(t)
		d.refuse = func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Location", "http://elsewhere.invalid/")
			http.Error(w, "why", code)
			return true
		}
		errs := make(chan error, 100)
		s := begin(t, testConfig(d.URL), Deps{Captures: newCaptures(), Status: func(err error) { errs <- err }})
		if err := <-errs; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%d: %v", code, err)
		}
		finish(t, s)
	}
	cfg := testConfig("http://127.0.0.1:1")
	cfg.TokenFile = filepath.Join(t.TempDir(), "none")
	errs := make(chan error, 100)
	begin(t, cfg, Deps{Captures: newCaptures(), Status: func(err error) { errs <- err }})
	if err := <-errs; err == nil || !strings.Contains(err.Error(), "read token") {
		t.Error(err)
	}
}

// TestSilence: a session in which nothing is heard is opened again.
func TestSilence(t *testing.T) {
	d, c := newTopologyd(t), newCaptures()
	d.deaf = true // it does not even answer pings
	cfg := testConfig(d.URL)
	cfg.Silence = 80 * time.Millisecond
	s := begin(t, cfg, Deps{Captures: c})
	eventually(t, "several sessions", func() bool { return s.Stats().Sessions >= 3 })
}

// TestAlive: a topologyd that says nothing but answers is not given up.
func TestAlive(t *testing.T) {
	d, c := newTopologyd(t), newCaptures()
	d.ping = 0
	cfg := testConfig(d.URL)
	cfg.Silence = 200 * time.Millisecond
	s := begin(t, cfg, Deps{Captures: c})
	d.sessions(t, 1)
	end := time.Now().Add(3 * cfg.Silence)
	eventually(t, "some time", func() bool { return time.Now().After(end) })
	if st := s.Stats(); st.Sessions != 1 || !st.Connected {
		t.Errorf("%+v", st)
	}
}

// TestSlowReader: a topologyd that takes nothing holds up nobody, and the
// session is given up.
func TestSlowReader(t *testing.T) {
	d, c := newTopologyd(t), newCaptures()
	d.deaf = true
	list := make([]order.Capture, 3000)
	for i := range list {
		list[i] = capture(fmt.Sprintf("a/%d", i))
	}
	c.Follow(list)
	for _, o := range list {
		c.change(o.ID, true, func(st *order.CaptureState) { st.Error = strings.Repeat("x", 1000) })
	}
	cfg := testConfig(d.URL)
	cfg.Write, cfg.Silence, cfg.Counters = 100*time.Millisecond, time.Minute, time.Millisecond
	c.busy = true
	errs := make(chan error, 100)
	s := begin(t, cfg, Deps{Captures: c, Status: func(err error) {
		select {
		case errs <- err:
		default:
		}
	}})
	eventually(t, "the next session", func() bool { return s.Stats().Sessions >= 2 })
	c.Follow(list[:1])
	for err := range errs {
		if err != nil {
			if !strings.Contains(err.Error(), "took nothing") {
				t.Error(err)
			}
			break
		}
	}
}

// TestHostile: what is too long or no message ends the session and nothing else.
func TestHostile(t *testing.T) {
	for name, b := range map[string][]byte{
		"too long": make([]byte, order.MaxMessage+1),
		"no JSON":  []byte("{"),
		"two":      []byte(`{"cancel":{"request":1},"fetch":{"request":2}}`),
		"crowded":  []byte(`{"assignments":{"revision":1,"captures":[` + strings.Repeat("{},", order.MaxMessage/4) + `{}]}}`),
		"numbers":  []byte(`{"assignments":{"revision":1,"captures":[` + strings.Repeat("0,", order.MaxMessage/4) + `0]}}`),
		"long":     []byte(`{"assignments":{"revision":1,"captures":[` + strings.Repeat("{},", maxListed) + `{}]}}`),
	} {
		t.Run(name, func(t *testing.T) {
			d, c := newTopologyd(t), newCaptures()
			begin(t, testConfig(d.URL), Deps{Captures: c})
			d.sessions(t, 1)
			d.order(t, 1, capture("a/1"))
			eventually(t, "the list", func() bool { return c.ids() == "a/1" })
			d.mu.Lock()
			conn := d.conns[0]
			d.mu.Unlock()
			_ = conn.Write(t.Context(), websocket.MessageText, b) // it may be cut off
			d.sessions(t, 2)
			if c.ids() != "a/1" {
				t.Error("the captures ended")
			}
		})
	}
	t.Run("unknown", func(t *testing.T) {
		d, c := newTopologyd(t), newCaptures()
		s := begin(t, testConfig(d.URL), Deps{Captures: c})
		d.sessions(t, 1)
		d.raw(t, []byte(`{"from_the_future":{}}`))
		d.order(t, 1, capture("a/1"))
		eventually(t, "the list", func() bool { return c.ids() == "a/1" })
		if s.Stats().Sessions != 1 {
			t.Error("the session ended")
		}
	})
}

func TestConfig(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"endpoints: there is none":    func(c *Config) { c.Endpoints = nil },
		"is no address of topologyd":  func(c *Config) { c.Endpoints = []string{"ftp://x"} },
		`"http:" is no address`:       func(c *Config) { c.Endpoints = []string{"http:"} },
		"put a token into token_file": func(c *Config) { c.Endpoints = []string{"http://u:p@x"} },
		"invalid control character":   func(c *Config) { c.Endpoints = []string{"http://\x01"} },
		"set both or none":            func(c *Config) { c.TLS.CertFile = "x" },
		"the host has no ID":          func(c *Config) { c.Hello.HostID = "" },
		"silence: 0s is too short":    func(c *Config) { c.Silence = 0 },
		"longest wait":                func(c *Config) { c.MaxWait = 0 },
		"at a time are too few":       func(c *Config) { c.MaxFetches = 0 },
	} {
		c := testConfig("http://x")
		change(&c)
		if _, err := New(c, Deps{Captures: newCaptures()}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if _, err := New(testConfig("http://x"), Deps{}); err == nil {
		t.Error("nobody follows")
	}
	s, err := New(testConfig("http://x"), Deps{Captures: newCaptures()})
	if err != nil || s.Stop(t.Context()) != nil {
		t.Error(err, "a session that was not started")
	}
}
