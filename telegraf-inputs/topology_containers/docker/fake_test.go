package docker

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/moby/moby/api/types/container"
)

// engine is a fake of Docker's: it says what it is told to.
type engine struct {
	t      testing.TB
	socket string
	server *httptest.Server

	mu         sync.Mutex
	version    string
	containers map[string]string // the answer for each ID
	streams    map[chan string]bool
	// inspected counts questions; hang, while set, holds them up.
	inspected map[string]int
	hang      chan struct{}
	hangAll   bool
	// listed counts listings.
	listed int
	// connections counts all that were ever made.
	connections atomic.Int64
	// before, when set, is called before a listing is answered.
	before func()
}

func startEngine(t testing.TB) *engine {
	e := &engine{
		t: t, socket: filepath.Join(t.TempDir(), "d.sock"), version: `{"Version":"20.10","ApiVersion":"1.41","Components":[{"Name":"Engine"}]}`,
		containers: make(map[string]string), streams: make(map[chan string]bool), inspected: make(map[string]int),
	}
	e.up()
	t.Cleanup(func() { e.down() })
	return e
}

func (e *engine) up() {
	e.t.Helper()
	l, err := (&net.ListenConfig{}).Listen(e.t.Context(), "unix", e.socket)
	if err != nil {
		e.t.Fatal(err)
	}
	e.server = &httptest.Server{Listener: l, Config: &http.Server{Handler: e, ConnState: e.connState}} //nolint:gosec // a test
	e.server.Start()
}

func (e *engine) connState(_ net.Conn, s http.ConnState) {
	if s == http.StateNew {
		e.connections.Add(1)
	}
}

// down breaks all connections.
func (e *engine) down() {
	e.cut()
	e.server.CloseClientConnections()
	e.server.Close()
}

// cut ends the streams of events.
func (e *engine) cut() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for ch := range e.streams {
		close(ch)
		delete(e.streams, ch)
	}
}

// set changes a container without saying so; event says that something happened.
func (e *engine) set(id, status, extra string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.containers[id] = `{"Id":"` + id + `","Name":"/` + id[:4] + `","State":{"Status":"` + status + `"}` + extra + `}`
}

func (e *engine) answer(id, text string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.containers[id] = text
}

func (e *engine) remove(id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.containers, id)
}

func (e *engine) event(action, id string) {
	e.say(`{"Type":"container","Action":"` + action + `","Actor":{"ID":"` + id + `"}}`)
}

func (e *engine) say(line string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for ch := range e.streams {
		ch <- line + "\n"
	}
}

func (e *engine) questions(id string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.inspected[id]
}

// holdUp has questions about containers, or all of them, wait until release.
func (e *engine) holdUp(all bool) (release func()) {
	ch := make(chan struct{})
	e.mu.Lock()
	defer e.mu.Unlock()
	e.hang, e.hangAll = ch, all
	return func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.hang = nil
		close(ch)
	}
}

func (e *engine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Api-Version", "1.41")
	path := r.URL.Path
	if strings.HasPrefix(path, "/v1.") {
		path = path[strings.Index(path[1:], "/")+1:]
	}
	switch {
	case path == "/_ping":
	case path == "/version":
		_, _ = w.Write([]byte(e.version))
	case path == "/events":
		e.stream(w, r)
	case path == "/containers/json":
		e.list(w, r)
	case strings.HasSuffix(path, "/json"):
		e.inspect(w, r, strings.TrimSuffix(strings.TrimPrefix(path, "/containers/"), "/json"))
	default:
		e.t.Errorf("asked for %s", r.URL)
		http.NotFound(w, r)
	}
}

func (e *engine) list(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	before, hang, all := e.before, e.hang, e.hangAll
	e.listed++
	e.mu.Unlock()
	if hang != nil && all {
		wait(r, hang)
	}
	filter := r.URL.Query().Get("filters")
	out := []container.Summary{}
	e.mu.Lock()
	for id := range e.containers {
		if filter == "" || strings.Contains(filter, id) {
			out = append(out, container.Summary{ID: id})
		}
	}
	e.mu.Unlock()
	if before != nil {
		before()
	}
	_ = json.NewEncoder(w).Encode(out)
}

func (e *engine) inspect(w http.ResponseWriter, r *http.Request, id string) {
	e.mu.Lock()
	hang := e.hang
	e.inspected[id]++
	e.mu.Unlock()
	if hang != nil {
		wait(r, hang)
	}
	e.mu.Lock()
	text, ok := e.containers[id]
	e.mu.Unlock()
	switch {
	case !ok:
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte(`{"message":"No such container"}`))
	case text == "500":
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = w.Write([]byte(`{"message":"broken"}`))
	default:
		_, _ = w.Write([]byte(text))
	}
}

func wait(r *http.Request, hang <-chan struct{}) {
	select {
	case <-hang:
	case <-r.Context().Done():
	}
}

func (e *engine) stream(w http.ResponseWriter, r *http.Request) {
	ch := make(chan string, 10_000)
	e.mu.Lock()
	e.streams[ch] = true
	e.mu.Unlock()
	defer func() {
		e.mu.Lock()
		delete(e.streams, ch)
		e.mu.Unlock()
	}()
	flush := http.NewResponseController(w)
	w.WriteHeader(http.StatusOK)
	_ = flush.Flush()
	for {
		select {
		case line, ok := <-ch:
			if !ok {
				return
			}
			_, _ = w.Write([]byte(line))
			_ = flush.Flush()
		case <-r.Context().Done():
			return
		}
	}
}
