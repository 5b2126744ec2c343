package daemon

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
)

// zeros is a body of n bytes that is nowhere in memory.
type zeros struct{ n int }

func (z *zeros) Read(p []byte) (int, error) {
	if z.n == 0 {
		return 0, io.EOF
	}
	n := min(z.n, len(p))
	clear(p[:n])
	z.n -= n
	return n, nil
}

// TestHostileClients sends everything bad at once, while an honest client
// writes and asks: it must not notice, and afterwards nothing may be left.
func TestHostileClients(t *testing.T) {
	cfg := testConfig(t.TempDir())
	cfg.Ingest.ReadTimeout, cfg.WriteTimeout, cfg.Watch.WriteTimeout = 3*time.Second, 500*time.Millisecond, 500*time.Millisecond
	b := start(t, cfg)
	events := make([]entity.Event, 5000)
	for i := range events {
		events[i] = event(i, 0)
	}
	b.write(encode(append(events, host())...))

	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	if _, err := io.Copy(z, &zeros{80 << 20}); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	type attack struct {
		path, media, encoding string
		body                  func() io.Reader
		want                  int
	}
	steps := `{"gremlin":"G.V()` + strings.Repeat(".Out()", 10_000) + `"}`
	attacks := map[string]attack{
		"100 MB":             {"/api/v2/write", "text/plain", "", func() io.Reader { return &zeros{100 << 20} }, 413},
		"100 MB of OTLP":     {"/v1/logs", "application/x-protobuf", "", func() io.Reader { return &zeros{100 << 20} }, 413},
		"gzip bomb":          {"/api/v2/write", "text/plain", "gzip", func() io.Reader { return bytes.NewReader(bomb.Bytes()) }, 413},
		"gzip bomb, OTLP":    {"/v1/logs", "application/json", "gzip", func() io.Reader { return bytes.NewReader(bomb.Bytes()) }, 413},
		"malformed lines":    {"/api/v2/write", "text/plain", "", func() io.Reader { return strings.NewReader(strings.Repeat("entity_state =,\"\n", 100_000)) }, 400},
		"broken protobuf":    {"/v1/logs", "application/x-protobuf", "", func() io.Reader { return strings.NewReader("\x0a\xff\xff\xff\xff\x0fxxxx") }, 400},
		"broken JSON":        {"/v1/logs", "application/json", "", func() io.Reader { return strings.NewReader(strings.Repeat(`{"resourceLogs":[`, 100_000)) }, 400},
		"10,000 steps":       {"/api/v1/query", "application/json", "", func() io.Reader { return strings.NewReader(steps) }, 400},
		"unknown step":       {"/api/v1/query", "application/json", "", func() io.Reader { return strings.NewReader(`{"gremlin":"G.V().Nope()"}`) }, 400},
		"query of 100 MB":    {"/api/v1/query", "application/json", "", func() io.Reader { return &zeros{100 << 20} }, 413},
		"not a query at all": {"/api/v1/query", "application/json", "", func() io.Reader { return strings.NewReader("\x00\xff") }, 400},
	}
	var wait sync.WaitGroup
	for name, a := range attacks {
		wait.Go(func() {
			send := func() (status int, answer []byte, err error) {
				req, err := http.NewRequest(http.MethodPost, b.url+a.path, a.body())
				if err != nil {
					return 0, nil, err
				}
				req.Header.Set("Content-Type", a.media)
				if a.encoding != "" {
					req.Header.Set("Content-Encoding", a.encoding)
				}
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					return 0, nil, err
				}
				defer resp.Body.Close() //nolint:errcheck // only read
				answer, _ = io.ReadAll(io.LimitReader(resp.Body, 10_000))
				return resp.StatusCode, answer, nil
			}
			status, answer, err := send()
			// Too much at once: it comes back, as it is told to.
			for try := 0; err == nil && status == http.StatusTooManyRequests && try < 20; try++ {
				status, answer, err = send()
			}
			if err != nil { // cut off before the answer could be read
				t.Logf("%s: %v", name, err)
				return
			}
			if status != a.want || len(answer) == 0 || len(answer) > 2000 {
				t.Errorf("%s: %d %.300q", name, status, answer)
			}
		})
	}
	// Clients that ask and do not read, or begin and do not go on.
	for _, request := range []string{
		"GET /api/v1/watch HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /api/v1/query?gremlin=G HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST /api/v2/write HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nentity_state",
		"POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{",
		"GET /api/v1/query?gremlin=G HTTP/1.1\r\nHost",
	} {
		for range 10 {
			conn, err := net.Dial("tcp", b.d.HTTPAddr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close() //nolint:errcheck // the end of the test
			if _, err := io.WriteString(conn, request); err != nil {
				t.Error(err)
			}
		}
	}
	done := make(chan struct{})
	go func() { wait.Wait(); close(done) }()
	rounds := 0
	for running := true; running; rounds++ {
		select {
		case <-done:
			running = false
		default:
		}
		b.write(encode(event(rounds%100, rounds)))
		if got := b.query("G.V().Has('Type','host').Out().Count()"); got != "5000" {
			t.Errorf("round %d: %s", rounds, got)
		}
	}
	t.Logf("%d rounds of the honest client", rounds)
	if code, answer := b.do(http.MethodGet, "/-/healthy", nil); code != 200 {
		t.Errorf("%d %s", code, answer)
	}
	_, metrics := b.do(http.MethodGet, "/metrics", nil)
	if !strings.Contains(metrics, "topologyd_panics_total 0") {
		t.Error("something panicked")
	}
	for _, reason := range []string{"body_too_large", "malformed"} {
		if !strings.Contains(metrics, fmt.Sprintf("reason=%q", reason)) {
			t.Errorf("%s is not counted", reason)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	b.stopped = true
	http.DefaultClient.CloseIdleConnections()
	if err := b.d.Stop(ctx); err != nil {
		t.Error(err)
	}
}
