package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/engine"
	"github.com/skein-net/skein/topologyd/graph"
)

// feeder keeps all changes of a bench's graph for its subscribers.
type feeder struct {
	b       *bench
	mu      sync.Mutex
	at      int
	changes []graph.Change
	news    chan struct{}
}

func (b *bench) feeder() *feeder {
	f := &feeder{b: b, news: make(chan struct{})}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.subscribe = func(uint64) (Subscription, error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		return &feederSub{f: f, view: b.graph.View(), at: len(f.changes)}, nil
	}
	return f
}

// put makes nodes "name type", or takes them away: "-name".
func (f *feeder) put(nodes ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, text := range nodes {
		f.at++
		name, typ, _ := strings.Cut(text, " ")
		e := entity.Event{Ref: entity.InterfaceRef("h", "1", strings.TrimPrefix(name, "-")), Source: "netlink", Time: time.Unix(1700000000, int64(f.at)*1e6)}
		if strings.HasPrefix(name, "-") {
			e.Kind = entity.Delete
		} else {
			e.Attributes = entity.Attrs{entity.A("Name", entity.String(name)), entity.A("Type", entity.String(typ))}
		}
		if name != "br" && e.Kind != entity.Delete {
			e.Relationships = []entity.Relationship{{Type: entity.RelMemberOf, Target: entity.InterfaceRef("h", "1", "br")}}
		}
		p := f.b.graph.Prepare(&e, 0)
		f.changes, _ = f.b.graph.Apply(&p, time.Unix(1700000100, 0), f.changes)
	}
	close(f.news)
	f.news = make(chan struct{})
}

type feederSub struct {
	f    *feeder
	view *graph.View
	at   int
}

func (s *feederSub) View() *graph.View { return s.view }
func (s *feederSub) Close()            {}
func (s *feederSub) Next(ctx context.Context) ([]graph.Change, error) {
	for {
		s.f.mu.Lock()
		out, news := slices.Clone(s.f.changes[s.at:]), s.f.news
		s.at += len(out)
		s.f.mu.Unlock()
		if len(out) > 0 {
			return out, nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// followed is a message of a watch of a query.
type followed struct {
	Type, Followed string
	Revision       uint64
	More           bool
	Nodes, Edges   []namedElement
	Changes        []struct {
		Op         string
		Node, Edge *namedElement
	}
}

type namedElement struct {
	ID       string
	Metadata struct{ Name, RelationType string }
}

// held applies messages to what a watcher knows, by ID.
func (m *followed) apply(held map[string]string) {
	for _, n := range append(m.Nodes, m.Edges...) {
		held[n.ID] = n.Metadata.Name + n.Metadata.RelationType
	}
	for _, c := range m.Changes {
		x := c.Node
		if x == nil {
			x = c.Edge
		}
		if strings.HasSuffix(c.Op, "_deleted") {
			delete(held, x.ID)
		} else {
			held[x.ID] = x.Metadata.Name + x.Metadata.RelationType
		}
	}
}

func names(held map[string]string) string {
	var out []string
	for _, n := range held {
		out = append(out, n)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func queryParam(query string) string { return "?gremlin=" + url.QueryEscape(query) }

func TestWatchQuerySocket(t *testing.T) {
	for _, x := range []struct{ query, way, first, then string }{
		{"G.V().Has('Type','veth')", "local", "a b c", "b d e f g"},
		{"G.V('Name','br').Both()", "bounded", "a b c t", "b d e f g"},
		{"G.E()", "local", "layer2 layer2 layer2 layer2", "layer2 layer2 layer2 layer2 layer2"},
		{"G.V().Has('Type','veth').SubGraph()", "global", "a b c", "b d e f g"},
		{"G.V().Has('Name','br').Both().InE()", "bounded", "layer2 layer2 layer2 layer2", "layer2 layer2 layer2 layer2 layer2"},
	} {
		t.Run(x.query, func(t *testing.T) {
			b := newBench(t, func(c *Config) { c.ChunkElements = 2 })
			f := b.feeder()
			f.put("br bridge", "a veth", "b veth", "c veth", "t tap")
			c := dialSocket(t, b, queryParam(x.query))
			held := map[string]string{}
			read := func(until string) {
				t.Helper()
				for {
					var m followed
					ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
					_, data, err := c.Read(ctx)
					cancel()
					if err != nil {
						t.Fatalf("%v; have %s, want %s", err, names(held), until)
					}
					if err := json.Unmarshal(data, &m); err != nil {
						t.Fatal(err)
					}
					if m.Type == "snapshot" && m.Followed != x.way {
						t.Errorf("followed %q", m.Followed)
					}
					if len(m.Nodes)+len(m.Edges)+len(m.Changes) > 2 {
						t.Errorf("a message is too large: %s", data)
					}
					m.apply(held)
					if !m.More && names(held) == until {
						return
					}
				}
			}
			read(x.first)
			f.put("d veth", "e veth", "f veth", "g veth", "-a", "-c", "-t")
			read(x.then)
			_ = c.Close(websocket.StatusNormalClosure, "")
			eventually(t, "the watcher is gone", func() bool { return b.api.hub.Stats().Watches == 0 })
		})
	}
}

// events reads a stream of events.
type events struct {
	t    *testing.T
	r    *bufio.Reader
	body io.Closer
}

func openEvents(t *testing.T, b *bench, params, last string) *events {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.server.URL+"/api/v1/watch"+params, nil)
	if err != nil {
		t.Fatal(err)
	}
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	resp, err := b.server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		data, _ := io.ReadAll(resp.Body)
		t.Fatalf("%d %s", resp.StatusCode, data)
	}
	return &events{t, bufio.NewReader(resp.Body), resp.Body}
}

func (e *events) next() (event, id string, m followed) {
	e.t.Helper()
	for {
		line, err := e.r.ReadString('\n')
		if err != nil {
			e.t.Fatal(err)
		}
		switch k, v, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": "); k {
		case "":
			if event != "" {
				return event, id, m
			}
		case "event":
			event = v
		case "id":
			id = v
		case "data":
			if err := json.Unmarshal([]byte(v), &m); err != nil {
				e.t.Fatal(err)
			}
		}
	}
}

// A stream of events goes on after the last one that was heard, also when that
// only told that nothing happened.
func TestWatchQueryResume(t *testing.T) {
	b := newBench(t, func(c *Config) { c.PingInterval = 20 * time.Millisecond })
	f := b.feeder()
	f.put("br bridge", "a veth")
	params := queryParam("G.V().Has('Type','veth')")
	e := openEvents(t, b, params, "")
	held := map[string]string{}
	event, id, m := e.next()
	m.apply(held)
	if event != "snapshot" || id == "" || names(held) != "a" {
		t.Fatal(event, id, held)
	}
	f.put("other tap") // changes nothing of the result
	for len(m.Changes) > 0 || m.Revision != b.graph.View().Revision() {
		event, id, m = e.next()
	}
	if event != "changes" || id != fmt.Sprint(m.Revision) {
		t.Error("a quiet watch is told from where it can go on", event, id)
	}
	_ = e.body.Close()
	f.put("b veth", "-a")
	e = openEvents(t, b, params, id)
	event, id, m = e.next()
	if m.apply(held); event != "changes" || names(held) != "b" {
		t.Errorf("%s %s %v", event, id, held)
	}
	_ = e.body.Close()
	e = openEvents(t, b, params+"&from=1", "")
	clear(held)
	event, _, m = e.next()
	if m.apply(held); event != "snapshot" || names(held) != "b" {
		t.Errorf("from a revision that nobody was told: %s %v", event, held)
	}
	if b.api.hub.Stats().Resumed != 1 {
		t.Error(b.api.hub.Stats())
	}
}

func TestWatchQueryRefused(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Follow.MaxQueries = 1; c.Follow.Follow.MaxElements = 3 })
	f := b.feeder()
	f.put("br bridge", "a veth", "b veth", "c veth")
	for query, want := range map[string]struct {
		status int
		text   string
	}{
		"G.V(":                  {400, `"position"`},
		"":                      {400, "gremlin is empty"},
		"G":                     {422, "without a query"},
		"G.V().Count()":         {422, "the query gives number"},
		"G.At('-1h').V()":       {422, "other times"},
		"G.V()":                 {422, "narrow the query"},
		"G.V().Sort().Limit(4)": {422, "narrow the query"},
	} {
		if resp, answer := b.do(http.MethodGet, "/api/v1/watch"+queryParam(query), ""); resp.StatusCode != want.status || !strings.Contains(answer, want.text) {
			t.Errorf("%s: %d %s", query, resp.StatusCode, answer)
		}
	}
	if resp, answer := b.do(http.MethodGet, "/api/v1/watch?since=-1h&gremlin=G.V()", ""); resp.StatusCode != 400 || !strings.Contains(answer, "leave out since") {
		t.Errorf("%d %s", resp.StatusCode, answer)
	}
	c := dialSocket(t, b, queryParam("G.V().Has('Type','veth')"))
	if m := receive(t, c); m.Type != "snapshot" || len(m.Nodes) != 3 {
		t.Errorf("%+v", m)
	}
	if resp, answer := b.do(http.MethodGet, "/api/v1/watch"+queryParam("G.E()"), ""); resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("%d %s", resp.StatusCode, answer)
	}
	f.put("d veth") // one too many
	if e := closeOf(t, c); e.Code != websocket.StatusPolicyViolation || !strings.Contains(e.Reason, "narrow the query") {
		t.Errorf("%+v", e)
	}
	b.api.StopWatchers(context.Background())
	if resp, answer := b.do(http.MethodGet, "/api/v1/watch"+queryParam("G.V()"), ""); resp.StatusCode != 503 || !strings.Contains(answer, "stopping") {
		t.Errorf("%d %s", resp.StatusCode, answer)
	}
}

func TestWatchQueryOfStoppedEngine(t *testing.T) {
	b := newBench(t, nil)
	b.subscribe = func(uint64) (Subscription, error) { return nil, engine.ErrStopped }
	if resp, answer := b.do(http.MethodGet, "/api/v1/watch"+queryParam("G.V()"), ""); resp.StatusCode != 503 || !strings.Contains(answer, "unavailable") {
		t.Errorf("%d %s", resp.StatusCode, answer)
	}
}

// A watcher that reads nothing is cut off; another one of the same query goes on.
func TestWatchQuerySlow(t *testing.T) {
	b := newBench(t, func(c *Config) { c.WatchWriteTimeout = 300 * time.Millisecond; c.Follow.Backlog = 50 })
	f := b.feeder()
	f.put("br bridge")
	query := queryParam("G.V().HasKey('Type')")
	dialRaw(t, b, "GET /api/v1/watch"+query+" HTTP/1.1\r\nHost: x\r\n\r\n")
	c := dialSocket(t, b, query)
	held := map[string]string{}
	eventually(t, "both are there", func() bool { return b.api.hub.Stats().Watches == 2 })
	for i := 0; b.api.hub.Stats().Watches == 2; i++ {
		if i > 200_000 {
			t.Fatal("a watcher that reads nothing is still there")
		}
		name := fmt.Sprint("n", i, strings.Repeat("x", 100_000))
		f.put(name + " veth")
		for found := false; !found; {
			var m followed
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			_, data, err := c.Read(ctx)
			cancel()
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(data, &m); err != nil {
				t.Fatal(err)
			}
			m.apply(held)
			for _, n := range held {
				found = found || n == name
			}
			clear(held)
		}
	}
	if kept := b.api.hub.Stats().Kept; kept > 50 {
		t.Errorf("%d changes are kept", kept)
	}
}

func TestWatchQueryMetrics(t *testing.T) {
	b := newBench(t, nil)
	f := b.feeder()
	f.put("br bridge", "a veth")
	c := dialSocket(t, b, queryParam("G.V().Has('Type','veth')"))
	receive(t, c)
	f.put("a veth", "b veth")
	receive(t, c)
	for _, want := range []string{`topologyd_follow_queries{way="local"} 1`, `topologyd_follow_watches 1`, `topologyd_follow_elements 2`, `topologyd_follow_seconds_total{part="apply"}`} {
		eventually(t, want, func() bool {
			_, text := b.do(http.MethodGet, "/metrics", "")
			return strings.Contains(text, want)
		})
	}
}

// A watcher that does not take what a quiet watch is told gets no ping either.
func TestQuietWatchDoesNotTake(t *testing.T) {
	b := newBench(t, func(c *Config) { c.PingInterval = time.Millisecond })
	to := &refusing{}
	s := &sender{a: b.api, t: to}
	err := s.serve(t.Context(), func(wait context.Context) error {
		<-wait.Done()
		return s.encoded(t.Context(), [][]byte{appendChangesMessage(nil, 1, nil, false)}, 1)
	}, func() error { return nil })
	if !errors.Is(err, errWrite) || strings.Join(to.sent, " ") != "changes" {
		t.Error(err, to.sent)
	}
}

// refusing is a transport that takes nothing.
type refusing struct{ sent []string }

func (r *refusing) send(_ context.Context, m message) error {
	r.sent = append(r.sent, m.kind)
	return io.ErrClosedPipe
}
func (*refusing) close(error) {}
