package guard

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/audit"
	"github.com/skein-net/skein/topologyd/auth"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// door is an [Identifier] that knows some by their Authorization.
type door struct {
	mu      sync.Mutex
	known   map[string]*auth.Identity
	changed chan struct{}
	asked   int
	fault   *fault
}

// fault is an error of a door.
type fault struct {
	Fault
	text string
}

func (f *fault) Error() string { return f.text }

func newDoor() *door {
	return &door{changed: make(chan struct{}), known: map[string]*auth.Identity{
		"Bearer v": {Name: "v", Method: auth.MethodToken, Roles: []auth.Role{auth.Viewer}},
		"Bearer w": {Name: "w", Method: auth.MethodToken, Roles: []auth.Role{auth.Viewer}},
		"Bearer h": {Name: "h", Method: auth.MethodToken, Roles: []auth.Role{auth.Host}, Hosts: []string{"h"}},
		"Bearer n": {Name: "n", Method: auth.MethodToken},
		"Bearer p": {Name: "p", Method: auth.MethodToken, Roles: []auth.Role{auth.Viewer}, Packets: true},
		"Bearer e": {Name: "e", Method: auth.MethodToken, Roles: []auth.Role{auth.Viewer}, Expires: begin.Add(time.Hour)},
	}}
}

// begin is when the clocks of these tests begin.
var begin = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func (d *door) Identify(_ context.Context, c auth.Credentials) (*auth.Identity, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked++
	if d.fault != nil {
		return nil, d.fault
	}
	if id := d.known[c.Authorization]; id != nil {
		return id, nil
	}
	return nil, &fault{Fault{Reason: "unknown"}, "the token is not known"}
}

func (d *door) Changed() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.changed
}

// change makes somebody another one, nil: nobody.
func (d *door) change(authorization string, id *auth.Identity) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.known[authorization] = id
	close(d.changed)
	d.changed = make(chan struct{})
}

func explain(err error) Fault {
	var f *fault
	if errors.As(err, &f) {
		return f.Fault
	}
	return Fault{}
}

// book is an [Auditor].
type book struct {
	mu      sync.Mutex
	records []audit.Record
}

func (b *book) Record(r audit.Record) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.records = append(b.records, r)
	return nil
}

func (b *book) last() audit.Record {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.records) == 0 {
		return audit.Record{}
	}
	return b.records[len(b.records)-1]
}

// world is a guard and what it stands on.
type world struct {
	*Guard
	door *door
	book *book
	now  time.Time
}

func newWorld(t testing.TB, change func(*Config, *Deps)) *world {
	t.Helper()
	w := &world{door: newDoor(), book: new(book), now: begin}
	cfg := DefaultConfig()
	deps := Deps{Identify: w.door, Explain: explain, Audit: w.book, Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
		Now: func() time.Time { return w.now }}
	if change != nil {
		change(&cfg, &deps)
	}
	var err error
	if w.Guard, err = New(cfg, deps); err != nil {
		t.Fatal(err)
	}
	return w
}

// ask sends a request to a route that needs something. headers are names and values
// in turn.
func (w *world) ask(needs auth.Permission, method string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://127.0.0.1:4280/x", nil)
	r.RemoteAddr = "192.0.2.1:5000"
	for i := 0; i+1 < len(headers); i += 2 {
		switch name, value := headers[i], headers[i+1]; name {
		case "Host":
			r.Host = value
		case "Remote":
			r.RemoteAddr = value
		default:
			r.Header.Add(name, value)
		}
	}
	return w.send(needs, r)
}

func (w *world) send(needs auth.Permission, r *http.Request) *httptest.ResponseRecorder {
	h := w.Handler(w.Route(httpx.Route{Method: r.Method, Path: "/x", Needs: needs, Handler: http.HandlerFunc(func(a http.ResponseWriter, r *http.Request) {
		id := auth.From(r.Context())
		_, _ = io.WriteString(a, "hello "+id.Name)
	})}).Handler)
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return rec
}

func (w *world) refusals(reason string) float64 {
	return testutil.ToFloat64(w.n.refused.WithLabelValues(reason))
}

const bearer = "Authorization"

func TestRoute(t *testing.T) {
	for _, tt := range []struct {
		name    string
		needs   auth.Permission
		headers []string
		code    int
		want    string // in the answer
		reason  string // in the metric and the audit record, "" when it is let in
	}{
		{"a viewer reads", auth.Read, []string{bearer, "Bearer v"}, 200, "hello v", ""},
		{"a viewer defines", auth.Define, []string{bearer, "Bearer v"}, 403, `this needs the role operator or admin; it has the role viewer`, "role"},
		{"somebody without a role", auth.Read, []string{bearer, "Bearer n"}, 403, "it has no role", "role"},
		{"packets", auth.Payload, []string{bearer, "Bearer p"}, 200, "hello p", ""},
		{"no packets", auth.Payload, []string{bearer, "Bearer v"}, 403, "packets: true", "role"},
		{"a host reports", auth.Report, []string{bearer, "Bearer h"}, 200, "hello h", ""},
		{"a viewer reports", auth.Report, []string{bearer, "Bearer v"}, 403, `"message":`, "role"},
		{"nobody", auth.Read, nil, 401, `"unauthenticated"`, "none"},
		{"nobody, what is public", auth.Public, nil, 200, "hello ", ""},
		{"somebody, what is public", auth.Public, []string{bearer, "Bearer v"}, 200, "hello ", ""},
		{"somebody wrong, what is public", auth.Public, []string{bearer, "Bearer x"}, 200, "hello ", ""},
		{"what says nothing of what it needs", 0, []string{bearer, "Bearer v"}, 403, "the role admin", "role"},
		{"unknown", auth.Read, []string{bearer, "Bearer x"}, 401, "the token is not known", "unknown"},
		{"two", auth.Read, []string{bearer, "Bearer v", bearer, "Bearer v"}, 401, "more than one", "malformed"},
		{"expires", auth.Read, []string{bearer, "Bearer e"}, 200, "hello e", ""},
		{"another site's page writes", auth.Read, []string{bearer, "Bearer v", "Origin", "https://evil.example", "Method", "POST"}, 403, "another site", "origin"},
		{"another site's page opens a WebSocket", auth.Read, []string{bearer, "Bearer v", "Origin", "https://evil.example", "Upgrade", "WebSocket"}, 403, "another site", "origin"},
		{"its own page opens a WebSocket", auth.Read, []string{bearer, "Bearer v", "Origin", "http://127.0.0.1:4280", "Upgrade", "websocket"}, 200, "hello v", ""},
		{"a WebSocket of no browser", auth.Read, []string{bearer, "Bearer v", "Upgrade", "websocket"}, 200, "hello v", ""},
		{"by any name, because everybody is asked", auth.Read, []string{bearer, "Bearer v", "Host", "rebound.example", "Remote", "127.0.0.1:1"}, 200, "hello v", ""},
		{"an address that is none", auth.Read, []string{bearer, "Bearer v", "Remote", "@"}, 200, "hello v", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, nil)
			method := http.MethodGet
			if i := len(tt.headers) - 2; i >= 0 && tt.headers[i] == "Method" {
				method = tt.headers[i+1]
			}
			rec := w.ask(tt.needs, method, tt.headers...)
			if rec.Code != tt.code || !strings.Contains(rec.Body.String(), tt.want) {
				t.Errorf("%d %s", rec.Code, rec.Body)
			}
			if got := rec.Header().Get("Cache-Control"); (got == "no-store") != (tt.needs != auth.Public) {
				t.Errorf("Cache-Control %q", got)
			}
			if got := rec.Header().Get("WWW-Authenticate"); (got != "") != (tt.code == 401) {
				t.Errorf("WWW-Authenticate %q", got)
			}
			if tt.reason == "" {
				if r := w.book.last(); r.Action != "" {
					t.Errorf("written down: %+v", r)
				}
				return
			}
			if !json.Valid(rec.Body.Bytes()) {
				t.Errorf("not JSON: %s", rec.Body)
			}
			r := w.book.last()
			if r.Action != audit.AuthRefused || r.Outcome != audit.Refused || r.Reason != tt.reason || r.Endpoint != method+" /x" || r.Remote != "192.0.2.1:5000" {
				t.Errorf("written down: %+v", r)
			}
			if w.refusals(tt.reason) != 1 {
				t.Errorf("%v refusals because of %s", w.refusals(tt.reason), tt.reason)
			}
		})
	}
}

// TestAsksNobody is a guard without an [Identifier].
func TestAsksNobody(t *testing.T) {
	for _, tt := range []struct {
		name    string
		headers []string
		code    int
		want    string
	}{
		{"loopback", []string{"Remote", "127.0.0.1:1"}, 200, "hello anybody"},
		{"IPv6", []string{"Remote", "[::1]:1", "Host", "[::1]:4280"}, 200, "hello anybody"},
		{"elsewhere, by any name", []string{"Host", "skein.example.org"}, 200, "hello anybody"},
		{"localhost", []string{"Remote", "127.0.0.1:1", "Host", "LocalHost:4280"}, 200, "hello anybody"},
		{"a name without a domain", []string{"Remote", "127.0.0.1:1", "Host", "topologyd:4280"}, 200, "hello anybody"},
		{"its own name", []string{"Remote", "127.0.0.1:1", "Host", "Skein.example.org."}, 200, "hello anybody"},
		{"another name", []string{"Remote", "127.0.0.1:1", "Host", "rebound.example:4280"}, 403, "--external-url"},
		{"another name over IPv6", []string{"Remote", "[::1]:1", "Host", "rebound.example"}, 403, "--external-url"},
		{"another site's page", []string{"Remote", "127.0.0.1:1", "Sec-Fetch-Site", "cross-site"}, 403, "another site"},
	} {
		w := newWorld(t, func(c *Config, d *Deps) { d.Identify, d.Explain, c.Names = nil, nil, []string{"skein.example.org"} })
		w.Start()
		if rec := w.ask(auth.Administer, http.MethodPost, tt.headers...); rec.Code != tt.code || !strings.Contains(rec.Body.String(), tt.want) {
			t.Errorf("%s: %d %s", tt.name, rec.Code, rec.Body)
		}
		w.Stop()
	}
}

// TestRates holds that each client has a rate of its own.
func TestRates(t *testing.T) {
	w := newWorld(t, func(c *Config, _ *Deps) { c.RequestRate, c.RequestBurst = 1, 3 })
	for i := range 4 {
		rec := w.ask(auth.Read, http.MethodGet, bearer, "Bearer v")
		if limited := rec.Code == 429 && rec.Header().Get("Retry-After") == "1"; limited != (i == 3) {
			t.Errorf("request %d: %d %v", i, rec.Code, rec.Header())
		}
	}
	for _, x := range []struct {
		needs auth.Permission
		token string
	}{{auth.Read, "Bearer w"}, {auth.Public, "Bearer v"}} {
		if rec := w.ask(x.needs, http.MethodGet, bearer, x.token); rec.Code != 200 {
			t.Errorf("%v %s: %d", x.needs, x.token, rec.Code)
		}
	}
	for range 50 { // reports are not counted
		if rec := w.ask(auth.Report, http.MethodPost, bearer, "Bearer h"); rec.Code != 200 {
			t.Fatal(rec.Code, rec.Body)
		}
	}
	w.now = w.now.Add(time.Second)
	if rec := w.ask(auth.Read, http.MethodGet, bearer, "Bearer v"); rec.Code != 200 {
		t.Errorf("a second later: %d", rec.Code)
	}
	if w.refusals(reasonRate) != 1 || w.book.last().Action != "" {
		t.Errorf("%v, %+v", w.refusals(reasonRate), w.book.last())
	}
	// Where nobody is asked, those on this host are one, and are not counted.
	w = newWorld(t, func(c *Config, d *Deps) { c.RequestRate, c.RequestBurst, d.Identify = 1, 3, nil })
	for i := range 10 {
		if rec := w.ask(auth.Read, http.MethodGet, "Remote", "127.0.0.1:1"); rec.Code != 200 {
			t.Fatal(rec.Code)
		}
		if rec := w.ask(auth.Read, http.MethodGet); (rec.Code == 429) != (i >= 3) {
			t.Errorf("from elsewhere, request %d: %d", i, rec.Code)
		}
	}
}

// TestFailures floods with wrong proofs: they are told less and written down less,
// and whoever has a good one does not notice.
func TestFailures(t *testing.T) {
	w := newWorld(t, func(c *Config, _ *Deps) { c.FailureRate = 5 })
	codes := make(map[int]int)
	for range 1000 {
		codes[w.ask(auth.Read, http.MethodGet, bearer, "Bearer x").Code]++
		codes[w.ask(auth.Read, http.MethodGet).Code]++
	}
	if codes[401] != 1010 || codes[429] != 990 {
		t.Errorf("%v", codes)
	}
	for _, token := range []string{"Bearer v", "Bearer w"} {
		if rec := w.ask(auth.Read, http.MethodGet, bearer, token); rec.Code != 200 {
			t.Errorf("%s: %d %s", token, rec.Code, rec.Body)
		}
	}
	if rec := w.ask(auth.Read, http.MethodGet, bearer, "Bearer x", "Remote", "198.51.100.1:1"); rec.Code != 401 {
		t.Errorf("from elsewhere: %d", rec.Code)
	}
	if n := w.refusals(reasonFailures); n != 990 {
		t.Errorf("%v", n)
	}
}

// TestLater has proofs that cannot be looked at.
func TestLater(t *testing.T) {
	w := newWorld(t, nil)
	w.door.fault = &fault{Fault{Reason: "unavailable", RetryAfter: 5 * time.Second}, "the keys of the issuer cannot be had"}
	rec := w.ask(auth.Read, http.MethodGet, bearer, "Bearer v")
	if rec.Code != 503 || rec.Header().Get("Retry-After") != "5" || w.refusals("unavailable") != 1 {
		t.Errorf("%d %v %s", rec.Code, rec.Header(), rec.Body)
	}
	w.door.fault = &fault{Fault{Reason: "No Word\n"}, "strange"}
	if rec := w.ask(auth.Read, http.MethodGet, bearer, "Bearer v"); rec.Code != 401 || w.refusals(reasonOther) != 1 {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	w.door.fault = nil
	w.now = begin.Add(time.Hour)
	if rec := w.ask(auth.Read, http.MethodGet, bearer, "Bearer e"); rec.Code != 401 || w.refusals(reasonExpired) != 1 {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
}

// TestHand has one client with much in hand, and another one.
func TestHand(t *testing.T) {
	w := newWorld(t, func(c *Config, _ *Deps) { c.Reports, c.ReportBytes, c.MaxBody = 2, 100, 80 })
	w.door.known["Bearer i"] = &auth.Identity{Name: "i", Method: auth.MethodToken, Roles: []auth.Role{auth.Host}}
	type report struct {
		rec     *httptest.ResponseRecorder
		release chan struct{}
		done    chan struct{}
	}
	send := func(token string, size int64) *report {
		x := &report{httptest.NewRecorder(), make(chan struct{}), make(chan struct{})}
		inside := make(chan struct{})
		h := w.Route(httpx.Post("/x", func(http.ResponseWriter, *http.Request) { close(inside); <-x.release }).For(auth.Report)).Handler
		r := httptest.NewRequest(http.MethodPost, "/x", nil)
		r.ContentLength = size
		r.Header.Set(bearer, token)
		go func() { h.ServeHTTP(x.rec, r); close(x.done) }()
		select {
		case <-inside:
		case <-x.done:
		}
		return x
	}
	end := func(x *report) int { close(x.release); <-x.done; return x.rec.Code }

	first := send("Bearer h", 60)
	if x := send("Bearer h", 60); x.rec.Code != 503 || x.rec.Header().Get("Retry-After") != "1" {
		t.Errorf("too many bytes: %d", x.rec.Code)
	}
	if x := send("Bearer h", -1); x.rec.Code != 503 {
		t.Errorf("a body of unknown length: %d", x.rec.Code)
	}
	second := send("Bearer h", 10)
	if x := send("Bearer h", 1); x.rec.Code != 503 {
		t.Errorf("too many requests: %d", x.rec.Code)
	}
	other := send("Bearer i", 1<<40)
	for _, x := range []*report{first, second, other} {
		if code := end(x); code != 200 {
			t.Error(code)
		}
	}
	if len(w.hand.clients) != 0 {
		t.Errorf("left in hand: %v", w.hand.clients)
	}
	if w.refusals(reasonInHand) != 3 {
		t.Errorf("%v refusals", w.refusals(reasonInHand))
	}
}

func TestHeaders(t *testing.T) {
	for _, tls := range []bool{false, true} {
		w := newWorld(t, func(_ *Config, d *Deps) { d.TLS = tls })
		h := w.ask(auth.Public, http.MethodGet).Header()
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
			"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			if got := h.Get(name); got != want {
				t.Errorf("%s: %q", name, got)
			}
		}
		if got := h.Get("Strict-Transport-Security"); (got != "") != tls {
			t.Errorf("TLS %v: %q", tls, got)
		}
	}
}

// FuzzHeaders sends odd headers. Nobody may be let in who is not known, no answer may
// be other than JSON, and no secret may be in it.
func FuzzHeaders(f *testing.F) {
	for _, seed := range [][4]string{
		{"Bearer x", "", "127.0.0.1", "192.0.2.1:1"}, {"", "http://evil", "[::1", "x"}, {"bearer v", "null", "", "[fe80::1%eth0]:1"},
		{"Bearer  v", "https://127.0.0.1:4280", "a.b:0", ""}, {"Bearer\tv", "\x00", "\xff", "1.2.3.4:99999"}, {"e30.e30.e30", "x", "xn--", "[::ffff:1.2.3.4]:1"},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3])
	}
	asks, anybody := newWorld(f, nil), newWorld(f, func(_ *Config, d *Deps) { d.Identify = nil })
	f.Fuzz(func(t *testing.T, authorization, origin, host, remote string) {
		if strings.HasPrefix(authorization, "Bearer ") && asks.door.known[authorization] != nil {
			t.Skip("it is known")
		}
		for _, w := range []*world{asks, anybody} {
			for _, upgrade := range []string{"", "websocket"} {
				r := httptest.NewRequest(http.MethodPost, "/x", nil)
				r.Header = http.Header{"Authorization": {authorization}, "Origin": {origin}, "Upgrade": {upgrade}}
				r.Host, r.RemoteAddr = host, remote
				rec := w.send(auth.Administer, r)
				if rec.Code == 200 && w == asks || rec.Code != 200 && !json.Valid(rec.Body.Bytes()) {
					t.Errorf("%d %s", rec.Code, rec.Body)
				}
				if len(authorization) > 12 && strings.Contains(rec.Body.String(), authorization) {
					t.Errorf("the secret comes back: %s", rec.Body)
				}
			}
		}
	})
}

func BenchmarkRoute(b *testing.B) {
	for name, change := range map[string]func(*Config, *Deps){
		"asks":   func(c *Config, _ *Deps) { c.RequestRate, c.RequestBurst = 1<<30, 1<<30 },
		"nobody": func(_ *Config, d *Deps) { d.Identify = nil },
	} {
		b.Run(name, func(b *testing.B) {
			w := newWorld(b, change)
			h := w.Handler(w.Route(httpx.Get("/x", func(http.ResponseWriter, *http.Request) {}).For(auth.Read)).Handler)
			r := httptest.NewRequest(http.MethodGet, "/x", nil)
			r.RemoteAddr = "127.0.0.1:1"
			r.Host = "127.0.0.1"
			r.Header.Set(bearer, "Bearer v")
			rec := httptest.NewRecorder()
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(rec, r)
			}
		})
	}
}
