package ingest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/entity/lineproto"
	"github.com/skein-net/skein/topologyd/engine"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type errorAnswer struct {
	Code    string
	Message string
	Line    int
	Error   struct {
		Code, Message      string
		Position           *struct{ Offset, Line, Column int }
		Accepted, Rejected int
	}
}

func TestWriteEvents(t *testing.T) {
	b := newBench(t, nil)
	for name, x := range map[string]struct {
		body    []byte
		headers []string
	}{
		"plain":    {body: lines(0, 10)},
		"gzip":     {body: zip(t, lines(0, 10)), headers: []string{"Content-Encoding", "gzip"}},
		"identity": {body: lines(0, 10), headers: []string{"Content-Encoding", "identity"}},
		"CRLF":     {body: bytes.ReplaceAll(lines(0, 10), []byte("\n"), []byte("\r\n\r\n"))},
		"no end":   {body: bytes.TrimSpace(lines(0, 10))},
		"comments": {body: append([]byte("# a comment\n\n  \n"), lines(0, 10)...)},
	} {
		t.Run(name, func(t *testing.T) {
			b.t = t
			b.sink.events, b.sink.known = nil, map[uint64]bool{}
			code, _, answer := b.post("/api/v2/write?bucket=x&org=y&precision=ns", x.body, x.headers...)
			if code != http.StatusNoContent || len(answer) > 0 {
				t.Fatalf("%d %s", code, answer)
			}
			if len(b.sink.events) != 10 {
				t.Fatalf("%d events", len(b.sink.events))
			}
			for i := range b.sink.events {
				if !b.sink.events[i].Equal(event(i)) {
					t.Errorf("event %d: %+v", i, b.sink.events[i])
				}
			}
		})
	}
}

func TestHeartbeatsAreNotDecoded(t *testing.T) {
	b := newBench(t, nil)
	b.post("/api/v2/write", lines(0, 100))
	again := bytes.ReplaceAll(lines(0, 100), []byte(" 1700000000"), []byte(" 1700000030"))
	if code, _, answer := b.post("/api/v2/write", again); code != http.StatusNoContent {
		t.Fatalf("%d %s", code, answer)
	}
	if b.sink.batches != 1 || len(b.sink.touched) != 100 {
		t.Errorf("%d batches, %d touched", b.sink.batches, len(b.sink.touched))
	}
	for _, at := range b.sink.touched {
		if at < 1700000030e9 || at > 1700000031e9 {
			t.Errorf("touched at %d", at)
		}
	}
	if n := b.counter("topologyd_ingest_events_total", "heartbeat"); n != 100 {
		t.Errorf("%v heartbeats counted", n)
	}
}

func TestPrecisionAndMissingTime(t *testing.T) {
	b := newBench(t, nil)
	line := bytes.TrimSpace(lineproto.AppendEvent(nil, event(1)))
	content, _, _ := lineproto.TrimTime(line)
	for _, x := range []struct {
		precision, stamp string
		want             int64
	}{
		{"ns", "1700000000000000005", 1700000000000000005},
		{"us", "1700000000000005", 1700000000000005000},
		{"ms", "1700000000005", 1700000000005000000},
		{"s", "1700000000", 1700000000000000000},
	} {
		b.sink.events, b.sink.known = nil, map[uint64]bool{}
		body := fmt.Appendf(nil, "%s %s\n", content, x.stamp)
		if code, _, answer := b.post("/api/v2/write?precision="+x.precision, body); code != http.StatusNoContent {
			t.Fatalf("%s: %d %s", x.precision, code, answer)
		}
		if got := b.sink.events[0].Time.UnixNano(); got != x.want {
			t.Errorf("%s: %d, want %d", x.precision, got, x.want)
		}
		// The same as a heartbeat.
		b.post("/api/v2/write?precision="+x.precision, body)
		if got := b.sink.touched[b.in.fingerprint(content)]; got != x.want {
			t.Errorf("%s: touched at %d, want %d", x.precision, got, x.want)
		}
	}
	b.sink.events, b.sink.known = nil, map[uint64]bool{}
	before := time.Now()
	b.post("/api/v2/write?precision=s", content)
	if at := b.sink.events[0].Time; at.Before(before.Add(-time.Second)) || at.After(time.Now()) {
		t.Errorf("without a time: %v", at)
	}
	if code, _, answer := b.post("/api/v2/write?precision=days", content); code != 400 || !bytes.Contains(answer, []byte("give ns, us, ms or s")) {
		t.Errorf("%d %s", code, answer)
	}
	if code, _, answer := b.post("/api/v2/write?precision=s", append(content, " 1700000000000000005"...)); code != 400 {
		t.Errorf("overflow: %d %s", code, answer)
	}
}

func TestMetricsAndOthers(t *testing.T) {
	b := newBench(t, nil)
	id := entity.HostRef("h").UUID()
	body := fmt.Sprintf("topology_interface,entity=%s rx_bytes=5i,tx_bytes=6i 1700000000000000000\ncpu,host=a usage=1.5\n", id)
	if code, _, answer := b.post("/api/v2/write", []byte(body)); code != http.StatusNoContent {
		t.Fatalf("%d %s", code, answer)
	}
	if len(b.sink.metrics) != 1 || b.sink.metrics[0].Node != id || b.sink.metrics[0].Values.Get("RxBytes").Int() != 5 {
		t.Errorf("%+v", b.sink.metrics)
	}
	if n := b.counter("topologyd_ingest_ignored_total", "measurement"); n != 1 {
		t.Errorf("%v ignored", n)
	}
}

func TestMalformedLinesDoNotHurtOthers(t *testing.T) {
	for _, chunk := range []int{1 << 20, 500} {
		b := newBench(t, func(c *Config) { c.Chunk = chunk })
		var body []byte
		body = append(body, lines(0, 5)...)
		offset := len(body)
		body = append(body, "this is not line protocol\n"...)
		body = append(body, lines(5, 8)...)
		body = append(body, "entity_state,entity=x entity.type=\"a\" 12\n"...)
		body = append(body, lines(8, 10)...)
		code, _, answer := b.post("/api/v2/write", body)
		var e errorAnswer
		if err := json.Unmarshal(answer, &e); err != nil || code != http.StatusBadRequest {
			t.Fatalf("%d %s %v", code, answer, err)
		}
		if b.sink.count() != 10 || e.Error.Accepted != 10 || e.Error.Rejected != 2 {
			t.Errorf("%d events; %s", b.sink.count(), answer)
		}
		p := e.Error.Position
		if e.Line != 6 || p == nil || p.Line != 6 || p.Offset < offset || p.Offset > offset+26 || p.Column != p.Offset-offset+1 {
			t.Errorf("chunk %d: position %+v of %s", chunk, p, answer)
		}
		if !strings.Contains(e.Message, "want") || !strings.Contains(e.Message, "this is not line protocol") {
			t.Errorf("message %q", e.Message)
		}
		if bytes.Count(answer, []byte("\n")) != 1 {
			t.Errorf("the answer is not one line: %q", answer)
		}
		if n := b.counter("topologyd_ingest_rejected_total", "line"); n != 2 {
			t.Errorf("%v rejected", n)
		}
	}
}

func TestLineBreaksInStrings(t *testing.T) {
	e := event(1)
	e.Attributes = e.Attributes.With("Text", entity.String("one\ntwo \"three\"\nfour=\"5\" 6"))
	line := lineproto.AppendEvent(nil, e)
	var body []byte
	body = append(body, lines(10, 20)...)
	body = append(body, line...)
	body = append(body, lines(20, 30)...)
	// Wherever the chunk ends, the event is one.
	for chunk := 1; chunk < len(body)+10; chunk += 53 {
		b := newBench(t, func(c *Config) { c.Chunk = chunk })
		code, _, answer := b.post("/api/v2/write", body)
		if code != http.StatusNoContent || b.sink.count() != 21 {
			t.Fatalf("chunk %d: %d events, %d %s", chunk, b.sink.count(), code, answer)
		}
		if got := b.sink.events[10]; !got.Equal(e) {
			t.Errorf("chunk %d: %+v", chunk, got)
		}
		b.server.Close()
	}
}

func TestOverlongLine(t *testing.T) {
	b := newBench(t, func(c *Config) { c.MaxLine, c.Chunk = 256<<10, 64<<10 })
	var body []byte
	body = append(body, lines(0, 3)...)
	body = append(body, "entity_state x=\""...)
	body = append(body, bytes.Repeat([]byte("x"), 1<<20)...)
	body = append(body, "\n"...)
	body = append(body, lines(3, 6)...)
	code, _, answer := b.post("/api/v2/write", body)
	var e errorAnswer
	if err := json.Unmarshal(answer, &e); err != nil || code != 400 || e.Line != 4 || e.Error.Rejected != 1 {
		t.Fatalf("%d %s %v", code, answer, err)
	}
	if b.sink.count() != 6 {
		t.Errorf("%d events", b.sink.count())
	}
}

func TestBodyLimits(t *testing.T) {
	b := newBench(t, func(c *Config) { c.MaxBody = 1 << 20 })
	bomb := zip(t, make([]byte, 100<<20))
	for name, x := range map[string]struct {
		body    []byte
		headers []string
		code    int
		want    string
	}{
		"too long":         {body: make([]byte, 2<<20), code: 413, want: "too_large"},
		"bomb":             {body: bomb, headers: []string{"Content-Encoding", "gzip"}, code: 413, want: "decompresses to more than"},
		"not gzip":         {body: lines(0, 1), headers: []string{"Content-Encoding", "gzip"}, code: 400, want: "broken gzip"},
		"truncated gzip":   {body: zip(t, lines(0, 100))[:100], headers: []string{"Content-Encoding", "gzip"}, code: 400, want: "broken gzip"},
		"empty gzip":       {headers: []string{"Content-Encoding", "gzip"}, code: 400, want: "broken gzip"},
		"unknown encoding": {body: lines(0, 1), headers: []string{"Content-Encoding", "br"}, code: 415, want: "send gzip"},
		"empty":            {code: 204},
	} {
		t.Run(name, func(t *testing.T) {
			b.t = t
			code, _, answer := b.post("/api/v2/write", x.body, x.headers...)
			if code != x.code || !bytes.Contains(answer, []byte(x.want)) {
				t.Errorf("%d %s", code, answer)
			}
		})
	}
	b.t = t
	if code, _, answer := b.post("/api/v2/write", lines(0, 3)); code != 204 {
		t.Errorf("afterwards: %d %s", code, answer)
	}
}

// endless is a body of n bytes that is nowhere in memory, without a length.
type endless struct{ n int }

func (r *endless) Read(p []byte) (int, error) {
	if r.n == 0 {
		return 0, io.EOF
	}
	n := min(len(p), r.n)
	for i := range p[:n] {
		p[i] = 'x'
	}
	r.n -= n
	return n, nil
}

func TestHundredMegabytes(t *testing.T) {
	b := newBench(t, nil)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, path := range []string{"/api/v2/write", "/v1/logs"} {
		resp, err := http.Post(b.server.URL+path, typeProtobuf, &endless{100 << 20})
		if err != nil {
			t.Logf("%s: cut off: %v", path, err) // the answer may be lost with the connection
			continue
		}
		if resp.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
		resp.Body.Close() //nolint:errcheck,gosec // nothing more to read
	}
	http.DefaultClient.CloseIdleConnections()
	runtime.ReadMemStats(&after)
	if used := b.in.budget.Used(); used != 0 {
		t.Errorf("%d bytes are still accounted for", used)
	}
	if code, _, answer := b.post("/api/v2/write", lines(0, 3)); code != 204 {
		t.Errorf("afterwards: %d %s", code, answer)
	}
}

func TestSinkErrors(t *testing.T) {
	for want, x := range map[string]struct {
		err   error
		code  int
		retry string
	}{
		"too many requests":  {engine.ErrBusy, 429, "1"},
		"stopping":           {engine.ErrStopped, 503, "5"},
		"no space left":      {fmt.Errorf("%w: no space left", engine.ErrLog), 503, "5"},
		"events are not sto": {engine.ErrLog, 503, "5"},
	} {
		b := newBench(t, nil)
		b.sink.err = x.err
		code, h, answer := b.post("/api/v2/write", lines(0, 3))
		if code != x.code || h.Get("Retry-After") != x.retry || !bytes.Contains(answer, []byte(want)) {
			t.Errorf("%v: %d %v %s", x.err, code, h, answer)
		}
		b.sink.err = nil
		if code, _, answer := b.post("/api/v2/write", lines(0, 3)); code != 204 || b.sink.count() != 3 {
			t.Errorf("again: %d %s", code, answer)
		}
	}
}

func TestBusy(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Queue, c.Patience = 1, time.Millisecond })
	b.sink.block = make(chan struct{})
	first := make(chan int)
	go func() {
		code, _, _ := b.post("/api/v2/write", lines(0, 3))
		first <- code
	}()
	for b.in.slots.InUse() == 0 {
		runtime.Gosched()
	}
	code, h, answer := b.post("/api/v2/write", lines(3, 6))
	if code != http.StatusTooManyRequests || h.Get("Retry-After") == "" {
		t.Errorf("%d %v %s", code, h, answer)
	}
	close(b.sink.block)
	if code := <-first; code != 204 {
		t.Errorf("the first: %d", code)
	}
	if n := b.counter("topologyd_ingest_rejected_total", "busy"); n != 1 {
		t.Errorf("%v busy", n)
	}
}

func TestPanicIsOneRequestOnly(t *testing.T) {
	b := newBench(t, nil)
	b.sink.panic = true
	if code, _, answer := b.post("/api/v2/write", lines(0, 3)); code != 500 || !bytes.Contains(answer, []byte(`"internal"`)) {
		t.Errorf("%d %s", code, answer)
	}
	b.sink.panic = false
	if code, _, _ := b.post("/api/v2/write", lines(0, 3)); code != 204 {
		t.Errorf("afterwards: %d", code)
	}
	if b.counter("topologyd_panics_total") != 1 || b.in.slots.InUse() != 0 || b.in.budget.Used() != 0 {
		t.Errorf("panics %v, slots %d, bytes %d", b.counter("topologyd_panics_total"), b.in.slots.InUse(), b.in.budget.Used())
	}
}

// A sender that stops in the midst of its body is cut off, and holds no slot
// meanwhile.
func TestSlowSender(t *testing.T) {
	b := newBench(t, func(c *Config) { c.ReadTimeout, c.Queue = 200*time.Millisecond, 1 })
	conn, err := net.Dial("tcp", b.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // the end of the test
	fmt.Fprintf(conn, "POST /api/v2/write HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n%s", lines(0, 1))
	if code, _, answer := b.post("/api/v2/write", lines(0, 3)); code != 204 {
		t.Errorf("meanwhile: %d %s", code, answer)
	}
	if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil || !bytes.HasPrefix(answer, []byte("HTTP/1.1 408")) {
		t.Errorf("%q %v", answer, err)
	}
}

func TestHealth(t *testing.T) {
	b := newBench(t, nil)
	for path, want := range map[string]int{"/api/v2/health": 200, "/health": 200, "/ping": 204} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			req, err := http.NewRequest(method, b.server.URL+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := b.server.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(resp.Body)
			resp.Body.Close() //nolint:errcheck,gosec // read
			if resp.StatusCode != want {
				t.Errorf("%s %s: %d", method, path, resp.StatusCode)
			}
			if want == 200 && method == http.MethodGet && !bytes.Contains(body, []byte(`"status":"pass"`)) {
				t.Errorf("%s: %s", path, body)
			}
		}
	}
}

func TestUnterminated(t *testing.T) {
	for line, want := range map[string]bool{
		`m a=1`:              false,
		`m a="x"`:            false,
		`m a="x`:             true,
		`m a="x\"`:           true,
		`m a="x\\"`:          false,
		`m,t="q a=1`:         false, // a quote in a tag is a quote
		`m\ n,t=a\ b a="`:    true,
		`m a="1",b="2`:       true,
		`m a"b=1`:            false,
		``:                   false,
		`m a="1",b="2" 1700`: false,
	} {
		if got := unterminated([]byte(line)); got != want {
			t.Errorf("%s: %v", line, got)
		}
	}
}

func FuzzWrite(f *testing.F) {
	b := newBench(f, func(c *Config) { c.MaxBody, c.Chunk, c.MaxLine = 1<<20, 200, 4<<10 })
	f.Add(lines(0, 3), "ns", false)
	f.Add([]byte("entity_state a=\"x\ny\" 5\n\n#\nm f=1 99999999999999999999"), "s", false)
	f.Add(zip(f, lines(0, 2)), "", true)
	f.Fuzz(func(t *testing.T, body []byte, precision string, zipped bool) {
		req, err := http.NewRequest(http.MethodPost, b.server.URL+"/api/v2/write", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.URL.RawQuery = "precision=" + strings.Map(func(r rune) rune {
			if r < 'a' || r > 'z' {
				return -1
			}
			return r
		}, precision)
		if zipped {
			req.Header.Set("Content-Encoding", "gzip")
		}
		b.sink.events = nil
		w := &discard{h: http.Header{}}
		b.in.write(w, req)
		switch w.code {
		case 204, 400, 413, 415:
		default:
			t.Errorf("status %d: %s", w.code, w.body)
		}
		if w.code != 204 && !json.Valid(w.body) {
			t.Errorf("%d: not JSON: %q", w.code, w.body)
		}
		for i := range b.sink.events {
			if err := b.sink.events[i].Validate(); err != nil {
				t.Errorf("an invalid event got through: %v", err)
			}
		}
		if b.in.budget.Used() != 0 || b.in.slots.InUse() != 0 {
			t.Errorf("left over: %d bytes, %d slots", b.in.budget.Used(), b.in.slots.InUse())
		}
	})
}

// discard is a response that is kept small.
type discard struct {
	h    http.Header
	code int
	body []byte
}

func (d *discard) Header() http.Header  { return d.h }
func (d *discard) WriteHeader(code int) { d.code = code }
func (d *discard) Write(b []byte) (int, error) {
	d.body = append(d.body, b...)
	return len(b), nil
}

func BenchmarkHeartbeats(b *testing.B) { benchmarkWrite(b, true) }
func BenchmarkNewEvents(b *testing.B)  { benchmarkWrite(b, false) }

func benchmarkWrite(b *testing.B, known bool) {
	x := newBench(b, nil)
	body := lines(0, 5000)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if !known {
			clear(x.sink.known)
		}
		x.sink.events = x.sink.events[:0]
		w := &discard{h: http.Header{}}
		req, err := http.NewRequest(http.MethodPost, "/api/v2/write", bytes.NewReader(body))
		if err != nil {
			b.Fatal(err)
		}
		if x.in.write(w, req); w.code != 204 {
			b.Fatal(w.code)
		}
	}
	b.ReportMetric(5000*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// Telegraf writes the fields of the same metric in another order each time.
func TestHeartbeatInAnotherOrder(t *testing.T) {
	b := newBench(t, nil)
	b.post("/api/v2/write", []byte("entity_state,entity=x entity.type=\"host\",entity.id=\"{\\\"host.id\\\":\\\"a\\\"}\",entity.source=\"s\",Name=\"n\",MTU=1i 1700000000000000000\n"))
	b.post("/api/v2/write", []byte("entity_state,entity=x MTU=1i,entity.source=\"s\",entity.id=\"{\\\"host.id\\\":\\\"a\\\"}\",Name=\"n\",entity.type=\"host\" 1700000030000000000\n"))
	if b.sink.batches != 1 || len(b.sink.touched) != 1 {
		t.Errorf("%d batches, %d touched", b.sink.batches, len(b.sink.touched))
	}
}

// Short lines cost memory in proportion, and are numbered rightly whatever the
// parts in which they are taken.
func TestManyShortLines(t *testing.T) {
	b := newBench(t, nil)
	body := append(bytes.Repeat([]byte("cpu v=1 \r\n\n"), 3*maxLines), "x\n"...)
	code, _, answer := b.post("/api/v2/write", append(body, lines(0, 1)...))
	var e errorAnswer
	if err := json.Unmarshal(answer, &e); err != nil || code != 400 || e.Line != 6*maxLines+1 || e.Error.Position.Offset < len(body)-2 {
		t.Errorf("%d %s %v", code, answer, err)
	}
	if b.sink.count() != 1 || b.counter("topologyd_ingest_ignored_total", "measurement") != 3*maxLines {
		t.Error("lines were lost")
	}
	lw := b.in.lineWriter()
	if cap(lw.lines) > 2*maxLines {
		t.Errorf("room for %d lines", cap(lw.lines))
	}
}

// However short the pause that a body may have, what follows on the same
// connection is not cut off by it.
func TestReadDeadlineEndsWithTheBody(t *testing.T) {
	b := newBench(t, func(c *Config) { c.ReadTimeout = 20 * time.Millisecond })
	for i := range 3 {
		b.sink.block = make(chan struct{})
		time.AfterFunc(100*time.Millisecond, func() { close(b.sink.block) }) // longer than the pause
		if code, _, answer := b.post("/api/v2/write", lines(i, i+1)); code != 204 {
			t.Errorf("%d: %d %s", i, code, answer)
		}
	}
}

// A sender that stops within a body which nobody wants does not hold its
// connection for ever.
func TestStuckBodyIsGivenUp(t *testing.T) {
	b := newBench(t, nil)
	conn, err := net.Dial("tcp", b.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // the end of the test
	fmt.Fprint(conn, "POST /api/v2/write HTTP/1.1\r\nHost: x\r\nContent-Encoding: br\r\nContent-Length: 1000\r\n\r\nx")
	if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil || !bytes.HasPrefix(answer, []byte("HTTP/1.1 415")) {
		t.Errorf("%q %v", answer, err)
	}
}
