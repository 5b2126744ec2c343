package client_test

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/client"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve starts a server and returns a client of it.
func serve(t *testing.T, h http.HandlerFunc, change ...func(*client.Config)) *client.Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	cfg := client.DefaultConfig()
	cfg.Server = s.URL
	for _, f := range change {
		f(&cfg)
	}
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func answer(kind, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if kind != "" {
			w.Header().Set("X-Skein-Kind", kind)
			w.Header().Set("X-Skein-Revision", "42")
		}
		io.WriteString(w, body)
	}
}

const (
	id1 = "c5090a19-e955-5f08-802f-b3df7b79e98e"
	id2 = "93164aa4-2e89-5c96-b691-b2a5fbc0b7f6"
	id3 = "690bd3fe-f370-59e1-b9af-6d35bcec655b"

	node1 = `{"ID":"` + id1 + `","Metadata":{"Name":"h1","Type":"host","Load":1.0},"Host":"h1","Origin":"netlink","CreatedAt":1000,"UpdatedAt":2000,"Revision":7}`
	edge1 = `{"ID":"` + id3 + `","Parent":"` + id1 + `","Child":"` + id2 + `","Metadata":{"RelationType":"ownership"},"Host":"h1","Origin":"netlink","CreatedAt":1,"UpdatedAt":2,"Revision":8,"Stale":true}`
)

func TestQueryKinds(t *testing.T) {
	for _, c := range []struct {
		kind, body string
		check      func(*client.Result) bool
	}{
		{client.KindNodes, "[" + node1 + "]", func(r *client.Result) bool {
			n := r.Nodes[0]
			return len(r.Nodes) == 1 && n.ID.String() == id1 && n.Metadata.Get("Name").Str() == "h1" && n.Metadata.Get("Load").Kind() == entity.KindFloat &&
				n.Host == "h1" && n.Origin == "netlink" && n.CreatedAt == 1000 && n.UpdatedAt == 2000 && n.Revision == 7 && !n.Stale
		}},
		{client.KindEdges, "[" + edge1 + "]", func(r *client.Result) bool {
			e := r.Edges[0]
			return len(r.Edges) == 1 && e.ID.String() == id3 && e.Parent.String() == id1 && e.Child.String() == id2 && e.Metadata.Get("RelationType").Str() == "ownership" && e.Stale
		}},
		{client.KindGraph, `{"Nodes":[` + node1 + `],"Edges":[` + edge1 + `]}`, func(r *client.Result) bool { return len(r.Nodes) == 1 && len(r.Edges) == 1 }},
		{client.KindPaths, "[[" + node1 + "," + node1 + "],[]]", func(r *client.Result) bool { return len(r.Paths) == 2 && len(r.Paths[0]) == 2 }},
		{client.KindNumber, " 12\n", func(r *client.Result) bool { return r.Number.Equal(entity.Int(12)) }},
		{client.KindValues, `["a",1,[true]]`, func(r *client.Result) bool { return len(r.Values) == 3 && r.Values[2].Text() == "[true]" }},
		{client.KindMaps, `[{"a":1}]`, func(r *client.Result) bool { return r.Values[0].Map().Get("a").Int() == 1 }},
		{client.KindValues, `[]`, func(r *client.Result) bool { return len(r.Values) == 0 }},
	} {
		for _, header := range []string{c.kind, ""} { // "": a server that does not say
			cl := serve(t, answer(header, c.body))
			r, err := cl.Query(t.Context(), client.Query{Gremlin: "G.V()"})
			if err != nil {
				t.Errorf("%s: %v", c.kind, err)
				continue
			}
			if r.Kind != c.kind && (header != "" || c.kind != client.KindMaps) || !c.check(r) {
				t.Errorf("%s (%q): got %+v", c.kind, header, r)
			}
			if header != "" && r.Revision != 42 {
				t.Errorf("revision %d", r.Revision)
			}
		}
	}
}

func TestQueryRequest(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		want := `{"gremlin":"G.V(\"x\")","limits":{"timeout":"2s","results":5}}`
		if r.Method != http.MethodPost || r.URL.Path != "/skein/api/v1/query" || string(b) != want ||
			r.Header.Get("Accept") != client.NDJSON || r.Header.Get("Authorization") != "Bearer secret" || r.Header.Get("User-Agent") != "test" {
			t.Errorf("%s %s %v\n%s", r.Method, r.URL.Path, r.Header, b)
		}
		if r.Header.Get("Accept-Encoding") != "gzip" {
			t.Errorf("Accept-Encoding %q", r.Header.Get("Accept-Encoding"))
		}
		w.Header().Set("Content-Type", client.NDJSON)
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		io.WriteString(z, "1\n2\n")
		z.Close()
	}, func(cfg *client.Config) { cfg.Server += "/skein/"; cfg.Token = "secret"; cfg.UserAgent = "test" })
	a, err := c.Ask(t.Context(), client.Query{Gremlin: `G.V("x")`, Limits: &client.Limits{Timeout: 2 * time.Second, Results: 5}}, client.NDJSON)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	if b, err := io.ReadAll(a.Body); err != nil || string(b) != "1\n2\n" {
		t.Errorf("got %q: %v", b, err)
	}
}

func TestErrors(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(400)
		io.WriteString(w, `{"error":{"code":"syntax","message":"line 1, column 3: found X","position":{"offset":2,"line":1,"column":3}}}`)
	})
	_, err := c.Query(t.Context(), client.Query{})
	var e *client.Error
	if !errors.As(err, &e) || e.Status != 400 || e.Code != client.CodeSyntax || *e.Position != (client.Position{Offset: 2, Line: 1, Column: 3}) ||
		e.Temporary() || e.Error() != "line 1, column 3: found X" {
		t.Errorf("got %+v", err)
	}
	for _, x := range []struct {
		h    http.HandlerFunc
		want string
	}{
		{func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "3")
			http.Error(w, "upstream\nis gone", 503)
		}, "HTTP status 503: Service Unavailable: upstream"},
		{func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "http://127.0.0.1:1/", 302) }, "HTTP status 302: Found to http://127.0.0.1:1/, which is not followed"},
		{func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "<html>") }, "is this a topologyd?"},
		{answer("nodes", "{"), "read answer: unexpected end of JSON"},
		{answer("nodes", `{"a":1}`), "read answer: json: cannot unmarshal object"},
		{answer("values", `["`+strings.Repeat("x", 2000)+`"]`), "read answer: more than 1000 bytes"},
		{func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) }, "EOF"},
	} {
		c := serve(t, x.h, func(cfg *client.Config) { cfg.MaxAnswer = 1000 })
		_, err := c.Query(t.Context(), client.Query{})
		if err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("want %s, got %v", x.want, err)
		}
		if errors.As(err, &e) && e.Status == 503 && (!e.Temporary() || e.RetryAfter != 3*time.Second) {
			t.Errorf("503: %+v", e)
		}
	}
}

func TestTimeout(t *testing.T) {
	hang := func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	c := serve(t, hang, func(cfg *client.Config) { cfg.Timeout = 20 * time.Millisecond })
	if _, err := c.Status(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the client's own limit: %v", err)
	}
	c = serve(t, hang)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := c.Status(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the caller's limit: %v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, bad := range []string{"", "localhost:4280", "ftp://x", "http://", "http://a/?q=1", "http://u:p@a/", "http://a b/", "://"} {
		cfg := client.DefaultConfig()
		cfg.Server = bad
		if _, err := client.New(cfg); err == nil {
			t.Errorf("%q was taken", bad)
		} else if strings.Contains(err.Error(), ":p@") {
			t.Errorf("the password is in %v", err)
		}
	}
}

func TestStatusAndReady(t *testing.T) {
	ready := true
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/api/v1/status":
			answer("", `{"version":"v1","started":"2026-01-02T03:04:05Z","uptime_seconds":7,"revision":5,"nodes":3,"edges":2,"facets":4,"stale":1,"dangling":6}`)(w, r)
		case "/-/healthy":
			io.WriteString(w, "healthy\n")
		case "/-/ready":
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			if !ready {
				w.WriteHeader(503)
				io.WriteString(w, "not ready: replaying the log\n")
			}
		}
	})
	s, err := c.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := client.Status{
		Version: "v1", Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), UptimeSeconds: 7,
		Revision: 5, Nodes: 3, Edges: 2, Facets: 4, Stale: 1, Dangling: 6, Raw: s.Raw,
	}
	if got, err := json.Marshal(s); err != nil || !json.Valid(s.Raw) || string(got) != string(must(json.Marshal(want))) {
		t.Errorf("got %+v: %v", s, err)
	}
	if err := errors.Join(c.Healthy(t.Context()), c.Ready(t.Context())); err != nil {
		t.Error(err)
	}
	ready = false
	if err := c.Ready(t.Context()); !errors.Is(err, client.ErrNotReady) || err.Error() != "not ready: replaying the log" {
		t.Errorf("got %v", err)
	}
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

func TestTLS(t *testing.T) {
	s := httptest.NewTLSServer(answer("number", "1"))
	defer s.Close()
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	ask := func(o client.TLSOptions) error {
		tc, err := o.Config()
		if err != nil {
			return err
		}
		cfg := client.DefaultConfig()
		cfg.Server, cfg.TLS = s.URL, tc
		c, err := client.New(cfg)
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = c.Query(t.Context(), client.Query{})
		return err
	}
	if err := ask(client.TLSOptions{}); err == nil {
		t.Error("an unknown authority was trusted")
	}
	for _, o := range []client.TLSOptions{{CAFile: ca}, {InsecureSkipVerify: true}, {CAFile: ca, ServerName: "example.com"}} {
		if err := ask(o); err != nil {
			t.Errorf("%+v: %v", o, err)
		}
	}
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, o := range []client.TLSOptions{
		{CAFile: ca, ServerName: "other"}, {CAFile: empty}, {CAFile: dir}, {CertFile: ca}, {KeyFile: ca}, {CertFile: ca, KeyFile: empty},
	} {
		if err := ask(o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}

// script is a watch endpoint that plays one list of messages per connection
// and breaks it after the last. It notes the revisions that it was asked for.
type script struct {
	t     *testing.T
	plays [][]string
	froms chan string
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.froms <- r.URL.Query().Get("from")
	if len(s.plays) == 0 {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(403)
		io.WriteString(w, `{"error":{"code":"forbidden","message":"no more"}}`)
		return
	}
	play := s.plays[0]
	s.plays = s.plays[1:]
	c, err := websocket.Accept(w, r, nil)
	if err != nil {
		s.t.Error(err)
		return
	}
	for _, m := range play {
		if m == "busy" {
			c.Close(websocket.StatusTryAgainLater, "too many changes waited")
			return
		}
		if err := c.Write(r.Context(), websocket.MessageText, []byte(m)); err != nil {
			return
		}
	}
	c.CloseNow()
}

func TestFollow(t *testing.T) {
	s := &script{t: t, froms: make(chan string, 10), plays: [][]string{
		{ // a snapshot in two parts, then changes
			`{"type":"snapshot","revision":5,"nodes":[` + node1 + `],"edges":[],"more":true}`,
			`{"type":"snapshot","revision":5,"nodes":[],"edges":[` + edge1 + `],"more":false}`,
			`{"type":"ping"}`,
			`{"type":"changes","revision":6,"changes":[{"op":"node_updated","revision":6,"at":99,"node":` + node1 + `}]}`,
			"busy",
		},
		{ // resumed; the second message goes on in one that never comes
			`{"type":"changes","revision":7,"changes":[{"op":"edge_deleted","revision":7,"at":100,"edge":` + edge1 + `}]}`,
			`{"type":"changes","revision":8,"changes":[],"more":true}`,
		},
		{ // a snapshot that breaks off
			`{"type":"snapshot","revision":9,"nodes":[],"edges":[],"more":true}`,
		},
		{`{"type":"snapshot","revision":9,"nodes":[],"edges":[],"more":false}`},
	}}
	c := serve(t, s.ServeHTTP)
	var got, broken []string
	err := c.Follow(t.Context(), client.Follow{
		MinWait: time.Millisecond, MaxWait: 2 * time.Millisecond,
		Handle: func(m *client.Message) error {
			text := fmt.Sprintf("%s %d %d %d %v", m.Type, m.Revision, len(m.Nodes), len(m.Edges), m.More)
			for _, ch := range m.Changes {
				text += fmt.Sprintf(" %s@%d/%d node %v edge %v", ch.Op, ch.Revision, ch.At, ch.Node != nil, ch.Edge != nil)
			}
			got = append(got, text)
			return nil
		},
		Broken: func(err error, wait time.Duration) { broken = append(broken, err.Error()) },
	})
	var refused *client.Error
	if !errors.As(err, &refused) || refused.Status != 403 {
		t.Errorf("ended with %v", err)
	}
	want := []string{
		"snapshot 5 1 0 true", "snapshot 5 0 1 false",
		"changes 6 0 0 false node_updated@6/99 node true edge false",
		"changes 7 0 0 false edge_deleted@7/100 node false edge true",
		"changes 8 0 0 true",
		"snapshot 9 0 0 true", "snapshot 9 0 0 false",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
	if len(broken) != 4 || !strings.Contains(broken[0], "too many changes waited") {
		t.Errorf("broken: %q", broken)
	}
	close(s.froms)
	var froms []string
	for f := range s.froms {
		froms = append(froms, f)
	}
	if f := strings.Join(froms, ","); f != ",6,7,,9" {
		t.Errorf("asked for %s", f)
	}
}

func TestFollowEnds(t *testing.T) {
	// The first connection fails.
	c := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Error(w, "busy", 503) })
	if err := c.Follow(t.Context(), client.Follow{}); err == nil {
		t.Error("no error from a server that refuses")
	}
	// Handle fails.
	stop := errors.New("enough")
	snapshot := `{"type":"snapshot","revision":1,"nodes":[],"edges":[],"more":false}`
	c = serve(t, (&script{t: t, froms: make(chan string, 9), plays: [][]string{{snapshot}}}).ServeHTTP)
	if err := c.Follow(t.Context(), client.Follow{Handle: func(*client.Message) error { return stop }}); !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
	// The context ends; the server is silent.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	silent := func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer conn.CloseNow()
		_ = conn.Write(r.Context(), websocket.MessageText, []byte(snapshot))
		_, _, _ = conn.Read(r.Context())
	}
	c = serve(t, silent)
	if err := c.Follow(ctx, client.Follow{Handle: func(*client.Message) error { cancel(); return nil }}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	// Silence is a break.
	c = serve(t, silent, func(cfg *client.Config) { cfg.Silence = 20 * time.Millisecond })
	if err := c.Watch(t.Context(), 3, func(*client.Message) error { return nil }); err == nil || !strings.Contains(err.Error(), "nothing was heard for 20ms") {
		t.Errorf("got %v", err)
	}
	// What is no message.
	c = serve(t, (&script{t: t, froms: make(chan string, 9), plays: [][]string{{"{"}}}).ServeHTTP)
	if err := c.Watch(t.Context(), 0, func(*client.Message) error { return nil }); err == nil || !strings.Contains(err.Error(), "read message") {
		t.Errorf("got %v", err)
	}
}

func FuzzParseResult(f *testing.F) {
	for _, s := range []string{"[" + node1 + "]", "[" + edge1 + "]", "[[" + node1 + "]]", `{"Nodes":[],"Edges":[]}`, "1", "[null]", "null", `""`} {
		for _, kind := range []string{"", client.KindNodes, client.KindPaths} {
			f.Add(kind, s)
		}
	}
	f.Fuzz(func(t *testing.T, kind, body string) {
		r, err := client.ParseResult(kind, 1, []byte(body))
		if (r == nil) != (err != nil) {
			t.Errorf("%v and %v", r, err)
		}
	})
}

func TestWatchQuery(t *testing.T) {
	for _, x := range []struct {
		from uint64
		want string
	}{{0, "gremlin=G.V%28%29"}, {7, "from=7&gremlin=G.V%28%29"}} {
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.RawQuery != x.want {
				t.Errorf("asked with %q", r.URL.RawQuery)
			}
			conn, err := websocket.Accept(w, r, nil)
			if err != nil {
				t.Error(err)
				return
			}
			_ = conn.Write(r.Context(), websocket.MessageText, []byte(`{"type":"snapshot","revision":8,"followed":"local","nodes":[],"edges":[],"more":false}`))
			_, _, _ = conn.Read(r.Context())
		})
		enough := errors.New("enough")
		err := c.WatchQuery(t.Context(), "G.V()", x.from, func(m *client.Message) error {
			if m.Followed != "local" || m.Revision != 8 {
				t.Errorf("%+v", m)
			}
			return enough
		})
		if !errors.Is(err, enough) {
			t.Error(err)
		}
	}
}
