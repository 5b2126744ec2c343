package api

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/entity/entitytest"
)

// benchNodes is the size of the graph of the benchmarks.
const benchNodes = 100_000

// network fills the graph with the network of the benchmarks.
func (b *bench) network(n int) {
	now := time.Unix(1700000000, 0)
	for i := range n {
		e := entitytest.Network(i, now)
		p := b.graph.Prepare(&e, 0)
		b.graph.Apply(&p, now, nil)
	}
}

// round is one request over a connection of its own, without net/http's client:
// what is measured is the server.
type round struct {
	conn net.Conn
	in   *bufio.Reader
	req  []byte
}

func (b *bench) round(tb testing.TB, req string) *round {
	conn, err := net.Dial("tcp", b.server.Listener.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.Close() }) //nolint:errcheck,gosec // a test's
	return &round{conn: conn, in: bufio.NewReaderSize(conn, 64<<10), req: []byte(req)}
}

func (r *round) do(tb testing.TB) {
	if _, err := r.conn.Write(r.req); err != nil {
		tb.Fatal(err)
	}
	resp, err := http.ReadResponse(r.in, nil)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode/100 != 2 && resp.StatusCode != http.StatusNotModified {
		tb.Fatal(resp.Status, err)
	}
}

// BenchmarkQuerySmall asks small questions over one connection that is kept, one
// after the other; p50 and p99 are of the whole round trip.
func BenchmarkQuerySmall(b *testing.B) {
	h := newBench(b, nil)
	h.network(benchNodes)
	name := func(i int) string {
		i %= benchNodes
		if i%101 == 0 {
			i++
		}
		return entitytest.NetworkName(i)
	}
	get := func(q string) string {
		return "GET /api/v1/query?gremlin=" + url.QueryEscape(q) + " HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\nUser-Agent: bench\r\n\r\n"
	}
	post := func(q string) string {
		body := entity.AppendJSONString([]byte(`{"gremlin":`), q)
		body = append(body, '}')
		return fmt.Sprintf("POST /api/v1/query HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAccept: application/json\r\nAccept-Encoding: gzip\r\nUser-Agent: bench\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	}
	for _, x := range []struct {
		name string
		req  func(i int) string
	}{
		{"healthy", func(int) string { return "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n" }},
		{"get", func(i int) string { return get("G.V().Has('Name','" + name(i*977) + "')") }},
		{"post", func(i int) string { return post("G.V().Has('Name','" + name(i*977) + "')") }},
		{"ndjson", func(i int) string {
			return "GET /api/v1/query?gremlin=" + url.QueryEscape("G.V().Has('Name','"+name(i*977)+"')") + " HTTP/1.1\r\nHost: x\r\nAccept: application/x-ndjson\r\n\r\n"
		}},
		{"out", func(i int) string { return get("G.V().Has('Name','" + name(i*977) + "').Out().Values('Name')") }},
	} {
		b.Run(x.name, func(b *testing.B) {
			r := h.round(b, "")
			took := make([]time.Duration, 0, b.N)
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				r.req = append(r.req[:0], x.req(i)...)
				i++
				start := time.Now()
				r.do(b)
				took = append(took, time.Since(start))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2])/1e3, "p50-µs")
			b.ReportMetric(float64(took[len(took)*99/100])/1e3, "p99-µs")
		})
	}
}

// BenchmarkHandler is the same without a connection: what a request costs in
// the handlers.
func BenchmarkHandler(b *testing.B) {
	h := newBench(b, nil)
	h.network(1000)
	body := []byte(`{"gremlin":"G.V().Has('Name','host-5-eth3')"}`)
	w := &nullWriter{h: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		req, err := http.NewRequest(http.MethodPost, "/api/v1/query", bytes.NewReader(body))
		if err != nil {
			b.Fatal(err)
		}
		clear(w.h)
		h.server.Config.Handler.ServeHTTP(w, req)
	}
}

// nullWriter is a response that nobody reads.
type nullWriter struct{ h http.Header }

func (w *nullWriter) Header() http.Header         { return w.h }
func (w *nullWriter) Write(p []byte) (int, error) { return len(p), nil }
func (w *nullWriter) WriteHeader(int)             {}
