package e2e

import (
	"bytes"
	"compress/gzip"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/proctest"
)

// badWay is a proxy that loses, doubles and reorders the lines of what is
// written through it, and tells the writer that all is well.
type badWay struct {
	t      *testing.T
	target string

	mu                          sync.Mutex
	bad                         bool
	rng                         *rand.Rand
	held                        [][]byte // lines that come later than others
	lines, lost, doubled, later int
}

func newBadWay(t *testing.T, target string) (*badWay, string) {
	p := &badWay{t: t, target: target, bad: true, rng: rand.New(rand.NewPCG(3, 4))}
	srv := httptest.NewServer(p)
	t.Cleanup(srv.Close)
	return p, srv.URL
}

// quiet lets everything through from now on, and what was held back first.
func (p *badWay) quiet() {
	p.mu.Lock()
	p.bad = false
	held := p.held
	p.held = nil
	p.mu.Unlock()
	p.send(bytes.Join(held, nil))
}

func (p *badWay) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body = z
	}
	b, err := io.ReadAll(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	p.send(p.spoil(b))
	w.WriteHeader(http.StatusNoContent)
}

// spoil does to a body what the way does. No entity of the tests has a line
// break inside.
func (p *badWay) spoil(body []byte) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.bad {
		return body
	}
	var out [][]byte
	for line := range bytes.Lines(body) {
		p.lines++
		switch n := p.rng.IntN(100); {
		case n < 30:
			p.lost++
		case n < 60:
			p.doubled++
			out = append(out, line)
			p.held = append(p.held, bytes.Clone(line))
		case n < 90:
			p.later++
			p.held = append(p.held, bytes.Clone(line))
		default:
			out = append(out, line)
		}
	}
	// Some of what is held back goes now, in any order with the rest.
	p.rng.Shuffle(len(p.held), func(i, j int) { p.held[i], p.held[j] = p.held[j], p.held[i] })
	n := len(p.held) / 2
	out = append(out, p.held[:n]...)
	p.held = p.held[n:]
	p.rng.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return bytes.Join(out, nil)
}

func (p *badWay) send(b []byte) {
	if len(b) == 0 {
		return
	}
	resp, err := http.Post(p.target+"/api/v2/write", "text/plain", bytes.NewReader(b))
	if err != nil {
		p.t.Error(err)
		return
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		text, _ := io.ReadAll(resp.Body)
		p.t.Errorf("write: %s: %s", resp.Status, text)
	}
}

func TestLossDoublingAndReordering(t *testing.T) {
	h := newHost(t)
	h.build()
	d := startDaemon(t, "", "")
	way, url := newBadWay(t, "http://"+d.addr)
	startTelegraf(t, telegrafConf(t, url, h))
	proctest.Eventually(t, 20*time.Second, "the first reports come through", func() error {
		if len(d.seen(t, h)) < 5 {
			return io.ErrNoProgress
		}
		return nil
	})
	h.change()
	for i := range 60 {
		name := string(rune('a'+i%20)) + "0"
		if i%40 < 20 {
			h.ip("", "link", "add", name, "type", "veth", "peer", "name", name+"p")
		} else {
			h.ip("", "link", "del", name)
		}
	}
	h.delNS("blue")
	way.quiet()
	begin := time.Now()
	d.same(t, h, 3*reportInterval)
	t.Logf("of %d lines %d lost, %d doubled, %d sent late; right %v after the way was good again (report interval %v)",
		way.lines, way.lost, way.doubled, way.later, time.Since(begin).Round(time.Millisecond), reportInterval)
}
