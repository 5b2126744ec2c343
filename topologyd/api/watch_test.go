package api

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/skein-net/skein/topologyd/engine"
	"github.com/skein-net/skein/topologyd/graph"
)

// fakeSub is a subscription that a test feeds.
type fakeSub struct {
	view   *graph.View
	feed   chan []graph.Change
	err    chan error
	taken  chan struct{} // closed by the first subscriber
	closed chan struct{}
	take   sync.Once
	once   sync.Once
}

func newSub(v *graph.View) *fakeSub {
	return &fakeSub{view: v, feed: make(chan []graph.Change, 10_000), err: make(chan error, 1),
		taken: make(chan struct{}), closed: make(chan struct{})}
}

func (s *fakeSub) View() *graph.View { return s.view }
func (s *fakeSub) Close()            { s.once.Do(func() { close(s.closed) }) }
func (s *fakeSub) Next(ctx context.Context) ([]graph.Change, error) {
	select {
	case c := <-s.feed:
		return c, nil
	case err := <-s.err:
		return nil, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// serve has every watch served with one subscription and tells from where.
func (b *bench) serve(s *fakeSub) *atomic.Uint64 {
	from := new(atomic.Uint64)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.subscribe = func(f uint64) (Subscription, error) {
		from.Store(f)
		s.take.Do(func() { close(s.taken) })
		return s, nil
	}
	return from
}

func dialRaw(t *testing.T, b *bench, request string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", b.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() }) //nolint:errcheck,gosec // the end of the test
	if _, err := conn.Write([]byte(request)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func dialSocket(t *testing.T, b *bench, params string) *websocket.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c, _, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(b.server.URL, "http")+"/api/v1/watch"+params, nil)
	if err != nil {
		t.Fatal(err)
	}
	c.SetReadLimit(64 << 20)
	t.Cleanup(func() { c.CloseNow() }) //nolint:errcheck,gosec // the end of the test
	return c
}

// wireMessage is a message as a client sees it.
type wireMessage struct {
	Type         string
	Revision     uint64
	Nodes, Edges []struct{ ID string }
	More         *bool
	Changes      []struct {
		Op       string
		Revision uint64
		At       int64
		Node     *struct{ ID string }
		Edge     *struct{ ID, Parent, Child string }
	}
}

func receive(t *testing.T, c *websocket.Conn) wireMessage {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, data, err := c.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var m wireMessage
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	return m
}

func TestWatchSocket(t *testing.T) {
	for _, chunk := range []int{1, 7, 500} {
		b := newBench(t, func(c *Config) { c.ChunkElements = chunk })
		changes := b.fill(10)
		v := b.graph.View()
		sub := newSub(v)
		b.serve(sub)
		c := dialSocket(t, b, "")
		nodes, edges := map[string]bool{}, map[string]bool{}
		for {
			m := receive(t, c)
			if m.Type != "snapshot" || m.Revision != v.Revision() || m.Nodes == nil || m.Edges == nil || m.More == nil {
				t.Fatalf("chunk %d: %+v", chunk, m)
			}
			if n := len(m.Nodes) + len(m.Edges); n > chunk {
				t.Errorf("%d elements in one message", n)
			}
			for _, n := range m.Nodes {
				nodes[n.ID] = true
			}
			for _, e := range m.Edges {
				edges[e.ID] = true
			}
			if !*m.More {
				break
			}
		}
		if len(nodes) != v.NodeCount() || len(edges) != v.EdgeCount() {
			t.Errorf("chunk %d: %d nodes, %d edges", chunk, len(nodes), len(edges))
		}
		sub.feed <- changes
		for got := 0; got < len(changes); {
			m := receive(t, c)
			if m.Type != "changes" || len(m.Changes) > chunk {
				t.Fatalf("%+v", m)
			}
			for _, x := range m.Changes {
				want := changes[got]
				if x.Op != want.Op.String() || x.Revision != want.Revision || x.At != want.At || (x.Node == nil) != (want.Node == nil) || (x.Edge == nil) != (want.Edge == nil) {
					t.Errorf("%d: %+v, want %+v", got, x, want)
				}
				got++
			}
		}
		if err := c.Close(websocket.StatusNormalClosure, ""); err != nil {
			t.Error(err)
		}
		<-sub.closed
		b.server.Close()
	}
}

func TestWatchEmptyGraphAndResume(t *testing.T) {
	b := newBench(t, nil)
	sub := newSub(b.graph.View())
	b.serve(sub)
	c := dialSocket(t, b, "")
	if m := receive(t, c); m.Type != "snapshot" || *m.More || len(m.Nodes)+len(m.Edges) != 0 {
		t.Errorf("%+v", m)
	}
	_ = c.CloseNow()
	<-sub.closed

	sub = newSub(nil)
	from := b.serve(sub)
	c = dialSocket(t, b, "?from=42")
	sub.feed <- b.fill(1)
	if m := receive(t, c); m.Type != "changes" || from.Load() != 42 {
		t.Errorf("from %d: %+v", from.Load(), m)
	}
}

func TestWatchPing(t *testing.T) {
	b := newBench(t, func(c *Config) { c.PingInterval = 5 * time.Millisecond })
	b.serve(newSub(nil))
	c := dialSocket(t, b, "?from=1")
	for range 3 {
		if m := receive(t, c); m.Type != "ping" {
			t.Errorf("%+v", m)
		}
	}
}

// closeOf reads until the server closes and returns the code and the reason.
func closeOf(t *testing.T, c *websocket.Conn) websocket.CloseError {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		_, _, err := c.Read(ctx)
		if err == nil {
			continue
		}
		var e websocket.CloseError
		if websocket.CloseStatus(err) == -1 {
			t.Fatalf("not closed: %v", err)
		}
		e.Code = websocket.CloseStatus(err)
		e.Reason = err.Error()
		return e
	}
}

func TestWatchCloseReasons(t *testing.T) {
	b := newBench(t, nil)
	sub := newSub(nil)
	b.serve(sub)
	c := dialSocket(t, b, "?from=1")
	sub.err <- engine.ErrSlow
	if e := closeOf(t, c); e.Code != websocket.StatusTryAgainLater || !strings.Contains(e.Reason, "too many changes") {
		t.Errorf("%+v", e)
	}
	<-sub.closed

	sub = newSub(nil)
	b.serve(sub)
	c = dialSocket(t, b, "?from=1")
	eventually(t, "the watcher is there", func() bool { return b.api.watchers.count() == 1 })
	done := make(chan struct{})
	go func() { b.api.StopWatchers(context.Background()); close(done) }()
	if e := closeOf(t, c); e.Code != websocket.StatusGoingAway || !strings.Contains(e.Reason, "stopping") {
		t.Errorf("%+v", e)
	}
	<-done
	if resp, answer := b.do(http.MethodGet, "/api/v1/watch", ""); resp.StatusCode != 503 || !strings.Contains(answer, "stopping") {
		t.Errorf("after the stop: %d %s", resp.StatusCode, answer)
	}
}

func TestWatchRefused(t *testing.T) {
	b := newBench(t, func(c *Config) { c.MaxSubscribers = 1 })
	b.serve(newSub(nil))
	for params, want := range map[string]string{
		"?from=x":  "not a revision",
		"?from=-1": "not a revision",
	} {
		if resp, answer := b.do(http.MethodGet, "/api/v1/watch"+params, ""); resp.StatusCode != 400 || !strings.Contains(answer, want) {
			t.Errorf("%s: %d %s", params, resp.StatusCode, answer)
		}
	}
	dialSocket(t, b, "?from=1")
	resp, answer := b.do(http.MethodGet, "/api/v1/watch", "")
	if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" || !strings.Contains(answer, "--watch-max-subscribers") {
		t.Errorf("%d %s", resp.StatusCode, answer)
	}
}

func TestWatchOfStoppedEngine(t *testing.T) {
	b := newBench(t, nil)
	b.subscribe = func(uint64) (Subscription, error) { return nil, engine.ErrStopped }
	if resp, answer := b.do(http.MethodGet, "/api/v1/watch", ""); resp.StatusCode != 503 || !strings.Contains(answer, "unavailable") {
		t.Errorf("%d %s", resp.StatusCode, answer)
	}
	if b.api.watchers.count() != 0 {
		t.Error("the watcher still counts")
	}
}

// A page of another origin may not watch.
func TestWatchForeignOrigin(t *testing.T) {
	b := newBench(t, nil)
	b.serve(newSub(nil))
	resp, _ := b.do(http.MethodGet, "/api/v1/watch", "", "Connection", "Upgrade", "Upgrade", "websocket",
		"Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==", "Origin", "http://evil.example")
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("%d", resp.StatusCode)
	}
}

func TestWatchEventStream(t *testing.T) {
	b := newBench(t, func(c *Config) { c.ChunkElements = 4; c.PingInterval = 20 * time.Millisecond })
	changes := b.fill(3)
	v := b.graph.View()
	sub := newSub(v)
	from := b.serve(sub)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.server.URL+"/api/v1/watch?from=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("Last-Event-ID", "77")
	resp, err := b.server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	if resp.Header.Get("Content-Type") != "text/event-stream" || from.Load() != 77 {
		t.Errorf("%v, from %d", resp.Header, from.Load())
	}
	r := bufio.NewReader(resp.Body)
	next := func() (event, id, data string) {
		t.Helper()
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			line = strings.TrimSuffix(line, "\n")
			switch k, v, _ := strings.Cut(line, ": "); {
			case line == "" && event != "":
				return event, id, data
			case k == "event":
				event = v
			case k == "id":
				id = v
			case k == "data":
				data = v
			}
		}
	}
	elements := 0
	for {
		event, id, data := next()
		var m wireMessage
		if err := json.Unmarshal([]byte(data), &m); err != nil || event != "snapshot" {
			t.Fatalf("%s %s %v", event, data, err)
		}
		elements += len(m.Nodes) + len(m.Edges)
		if (id != "") == *m.More || id != "" && id != fmt.Sprint(v.Revision()) {
			t.Errorf("id %q, more %v", id, *m.More)
		}
		if !*m.More {
			break
		}
	}
	if elements != v.NodeCount()+v.EdgeCount() {
		t.Errorf("%d elements", elements)
	}
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(line, ": ping") {
			break
		}
	}
	sub.feed <- changes[len(changes)-1:]
	if event, id, _ := next(); event != "changes" || id != fmt.Sprint(changes[len(changes)-1].Revision) {
		t.Errorf("%s %s", event, id)
	}
	sub.err <- engine.ErrSlow
	if event, _, data := next(); event != "error" || !strings.Contains(data, "fell_behind") {
		t.Errorf("%s %s", event, data)
	}
	if _, err := io.ReadAll(r); err != nil {
		t.Error(err)
	}
	<-sub.closed
}

// Watchers that read nothing are cut off; another one goes on.
func TestSlowWatchers(t *testing.T) {
	b := newBench(t, func(c *Config) { c.WatchWriteTimeout = 300 * time.Millisecond })
	changes := b.fill(2000)
	for name, request := range map[string]string{
		"event stream": "GET /api/v1/watch HTTP/1.1\r\nHost: x\r\n\r\n",
		"WebSocket":    "GET /api/v1/watch HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			sub := newSub(b.graph.View())
			for range 50 {
				sub.feed <- changes
			}
			b.serve(sub)
			dialRaw(t, b, request)
			<-sub.taken
			fine := newSub(nil)
			b.serve(fine)
			c := dialSocket(t, b, "?from=1")
			for i := range 5 {
				fine.feed <- changes[i : i+1]
				if m := receive(t, c); m.Type != "changes" {
					t.Errorf("%+v", m)
				}
			}
			<-sub.closed
			fine.feed <- changes[:1]
			if m := receive(t, c); m.Type != "changes" {
				t.Errorf("afterwards: %+v", m)
			}
			_ = c.CloseNow()
			<-fine.closed
			eventually(t, "all are gone", func() bool { return b.api.watchers.count() == 0 })
		})
	}
}
