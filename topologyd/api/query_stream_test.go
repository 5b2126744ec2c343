package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/gremlin"
)

// streaming serves streams of rows that a test finds, on a server of their own.
func (b *bench) streaming(find finder) *httptest.Server {
	b.t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		req := &queryRequest{question: question{Gremlin: "G.V()"}, Format: "ndjson"}
		q, f := b.api.understand(r, req)
		if f != nil {
			b.api.failed(w, f)
			return
		}
		b.api.stream(w, r, q, func(ctx context.Context, s *rowStream) (string, error) {
			s.head = head{revision: 7, kind: "nodes", tag: `W/"tag"`}
			return find(ctx, s)
		})
	}))
	b.t.Cleanup(s.Close)
	return s
}

func (b *bench) open(s *httptest.Server, coding string) *http.Response {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, s.URL, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Accept-Encoding", coding)
	resp, err := s.Client().Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { resp.Body.Close() }) //nolint:errcheck,gosec // only read
	return resp
}

func textRow(s string) func([]byte) []byte {
	return func(b []byte) []byte { return append(append(b, s...), '\n') }
}

func (b *bench) idle(what string) {
	b.t.Helper()
	eventually(b.t, what+": everything is given back", func() bool {
		return b.api.running() == 0 && b.api.streams.InUse() == 0 && b.api.compress.InUse() == 0 && b.api.budget.Used() == 0
	})
}

// A row goes out although the next one is not found yet.
func TestStreamRowsAsFound(t *testing.T) {
	for _, coding := range []string{"identity", "zstd"} {
		t.Run(coding, func(t *testing.T) {
			b := newBench(t, nil)
			next := make(chan struct{})
			s := b.streaming(func(ctx context.Context, s *rowStream) (string, error) {
				for i := range 3 {
					if err := s.put(textRow(fmt.Sprintf(`{"row":%d}`, i))); err != nil {
						return "", err
					}
					select {
					case <-next:
					case <-ctx.Done():
						return "", context.Cause(ctx)
					}
				}
				return "", nil
			})
			resp := b.open(s, coding)
			var in io.Reader = resp.Body
			if coding == "zstd" {
				z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1))
				if err != nil {
					t.Fatal(err)
				}
				defer z.Close()
				in = z
			}
			lines := bufio.NewReader(in)
			for i := range 3 {
				line, err := lines.ReadString('\n')
				if want := fmt.Sprintf("{\"row\":%d}\n", i); line != want || err != nil {
					t.Fatalf("%q, %v", line, err)
				}
				next <- struct{}{}
			}
			if _, err := lines.ReadString('\n'); !errors.Is(err, io.EOF) {
				t.Error(err)
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			if h := resp.Header; h.Get(HeaderRevision) != "7" || h.Get(HeaderKind) != "nodes" || h.Get("Content-Type") != typeNDJSON || h.Get("ETag") != "" || len(resp.TransferEncoding) != 1 {
				t.Errorf("%v %v", h, resp.TransferEncoding)
			}
			if resp.Trailer.Get("ETag") != `W/"tag"` || resp.Trailer.Get(HeaderLimit) != "" {
				t.Errorf("trailer %v", resp.Trailer)
			}
			b.idle("afterwards")
		})
	}
}

// What is found at once goes out as any other answer; a long one in pieces.
func TestStreamLengths(t *testing.T) {
	b := newBench(t, nil)
	for _, x := range []struct {
		rows    int
		streams bool
	}{{0, false}, {1, false}, {300, false}, {1000, true}, {100_000, true}} {
		line := `"` + strings.Repeat("x", 98) + `"`
		s := b.streaming(func(_ context.Context, s *rowStream) (string, error) {
			for range x.rows {
				if err := s.put(textRow(line)); err != nil {
					return "", err
				}
			}
			return "", nil
		})
		resp := b.open(s, "identity")
		all, err := io.ReadAll(resp.Body)
		if err != nil || len(all) != x.rows*101 || strings.Count(string(all), line+"\n") != x.rows {
			t.Errorf("%d rows: %d bytes, %v", x.rows, len(all), err)
		}
		if x.streams != (resp.ContentLength < 0) || x.streams != (resp.Trailer.Get("ETag") != "") || x.streams != (resp.Header.Get("ETag") == "") {
			t.Errorf("%d rows: length %d, %v, %v", x.rows, resp.ContentLength, resp.Header, resp.Trailer)
		}
	}
	b.idle("afterwards")
}

// An error before the first byte is an answer of its own; after it, the last
// line.
func TestStreamErrors(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Limits.Bytes = 1_000_000 })
	row := textRow(`"` + strings.Repeat("x", 98) + `"`)
	limit := &gremlin.LimitError{Limit: "visited", Max: "7", Hint: "less"}
	for name, x := range map[string]struct {
		rows   int
		limit  string
		err    error
		status int
		code   string
		header string
	}{
		"early":            {3, "", limit, 422, "limit", "visited"},
		"late":             {5000, "", limit, 200, "limit", "visited"},
		"late, time":       {5000, "", &gremlin.LimitError{Limit: "time"}, 200, "limit", "time"},
		"late, internal":   {5000, "", errors.New("broken"), 200, "internal", ""},
		"late, bytes":      {50_000, "", nil, 200, "limit", "bytes"},
		"a part":           {3, "visited", nil, 200, "", "visited"},
		"a part, streamed": {5000, "results", nil, 200, "", "results"},
	} {
		t.Run(name, func(t *testing.T) {
			b.t = t
			s := b.streaming(func(_ context.Context, s *rowStream) (string, error) {
				for range x.rows {
					if err := s.put(row); err != nil {
						return "", err
					}
				}
				return x.limit, x.err
			})
			resp := b.open(s, "identity")
			all, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(strings.TrimSpace(string(all)), "\n")
			var last struct{ Error httpx.Error }
			if x.code != "" {
				if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil {
					t.Errorf("%v: %s", err, lines[len(lines)-1])
				}
			}
			if resp.StatusCode != x.status || last.Error.Code != x.code {
				t.Errorf("%d, %d lines, %+v", resp.StatusCode, len(lines), last)
			}
			if got := resp.Header.Get(HeaderLimit) + resp.Trailer.Get(HeaderLimit); got != x.header {
				t.Errorf("limit %q: %v %v", got, resp.Header, resp.Trailer)
			}
			if got := resp.Trailer.Get(HeaderError); x.status == 200 && got != x.code {
				t.Errorf("error %q: %v", got, resp.Trailer)
			}
			if resp.Header.Get("ETag")+resp.Trailer.Get("ETag") != "" {
				t.Errorf("a tag: %v %v", resp.Header, resp.Trailer)
			}
			b.idle(name)
		})
	}
	b.t = t
}

// A client that takes nothing holds no place, and is cut off in the end.
func TestStreamSlowClient(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Concurrency = 1; c.StreamPause = 400 * time.Millisecond })
	ended := make(chan error, 1)
	row := textRow(`"` + strings.Repeat("x", 998) + `"`)
	s := b.streaming(func(_ context.Context, s *rowStream) (string, error) {
		for {
			if err := s.put(row); err != nil {
				ended <- err
				return "", err
			}
		}
	})
	conn := rawDial(t, s, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	eventually(t, "it waits without a place", func() bool { return b.api.streams.InUse() == 1 && b.api.running() == 0 })
	b.fill(3)
	if resp, answer := b.query("G.V().Count()"); resp.StatusCode != 200 {
		t.Errorf("meanwhile: %d %s", resp.StatusCode, answer)
	}
	select {
	case err := <-ended:
		if err == nil {
			t.Error("no error")
		}
	case <-time.After(20 * time.Second):
		t.Fatal("it was not cut off")
	}
	b.idle("cut off")
	all, _ := io.ReadAll(conn) // what was on the way, then the end
	if strings.HasSuffix(string(all), "\r\n0\r\n\r\n") {
		t.Error("the answer looks complete")
	}
}

// rawDial sends a request over a connection of its own.
func rawDial(t *testing.T, s *httptest.Server, request string) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() }) //nolint:errcheck,gosec // the end of the test
	if _, err := conn.Write([]byte(request)); err != nil {
		t.Fatal(err)
	}
	return conn.(*net.TCPConn)
}

// A client that goes ends its query, whether that finds rows or not.
func TestStreamVanishingClient(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Concurrency = 1 })
	for name, rows := range map[string]int{"none": 0, "one": 1, "many": 1 << 30} {
		t.Run(name, func(t *testing.T) {
			b.t = t
			started, ended := make(chan struct{}), make(chan error, 1)
			s := b.streaming(func(ctx context.Context, s *rowStream) (string, error) {
				close(started)
				for range rows {
					if err := s.put(textRow(`"a row"`)); err != nil {
						ended <- err
						return "", err
					}
				}
				<-ctx.Done()
				ended <- ctx.Err()
				return "", context.Cause(ctx)
			})
			conn := rawDial(t, s, "GET / HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n")
			<-started
			if err := conn.Close(); err != nil {
				t.Fatal(err)
			}
			select {
			case <-ended:
			case <-time.After(20 * time.Second):
				t.Fatal("the query goes on")
			}
			b.idle("gone")
		})
	}
	b.t = t
}

// The daemon's stop ends streams, with a last line that says so.
func TestStreamStop(t *testing.T) {
	b := newBench(t, nil)
	s := b.streaming(func(ctx context.Context, s *rowStream) (string, error) {
		if err := s.put(textRow(`"a row"`)); err != nil {
			return "", err
		}
		<-ctx.Done()
		return "", context.Cause(ctx)
	})
	resp := b.open(s, "identity")
	lines := bufio.NewReader(resp.Body)
	if line, err := lines.ReadString('\n'); line != "\"a row\"\n" || err != nil {
		t.Fatalf("%q %v", line, err)
	}
	b.api.StopWatchers(t.Context())
	if line, err := lines.ReadString('\n'); err != nil || !strings.Contains(line, `"unavailable"`) || !strings.Contains(line, "stopping") {
		t.Errorf("%q %v", line, err)
	}
	b.idle("stopped")
}

// The clock of a query stands still while its client is slow, and ends it when
// the query itself takes too long.
func TestStreamClock(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Limits.Time = 300 * time.Millisecond })
	row := textRow(`"` + strings.Repeat("x", 65533) + `"`)
	s := b.streaming(func(_ context.Context, s *rowStream) (string, error) {
		for range 320 { // more than the sockets hold
			if err := s.put(row); err != nil {
				return "", err
			}
		}
		return "", nil
	})
	conn := rawDial(t, s, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	eventually(t, "it waits for the client", func() bool { return b.api.streams.InUse() == 1 && b.api.running() == 0 })
	start := time.Now()
	eventually(t, "longer than the query may take", func() bool { return time.Since(start) > 600*time.Millisecond })
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if all, err := io.ReadAll(resp.Body); err != nil || strings.Contains(string(all), "error") || len(all) != 320*65536 {
		t.Errorf("%d bytes, %v, ends in %.200s", len(all), err, all[max(0, len(all)-200):])
	}

	s = b.streaming(func(ctx context.Context, s *rowStream) (string, error) {
		if err := s.put(textRow(`"a row"`)); err != nil {
			return "", err
		}
		<-ctx.Done() // a query that finds nothing more
		return "", context.Cause(ctx)
	})
	slow := b.open(s, "identity")
	all, err := io.ReadAll(slow.Body)
	if err != nil || !strings.Contains(string(all), `"limit"`) || slow.Trailer.Get(HeaderLimit) != "time" {
		t.Errorf("%s %v %v", all, err, slow.Trailer)
	}
	b.idle("afterwards")
}

// Where too many streams go on, an answer is made whole first.
func TestStreamTooMany(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Streams = 1 })
	if !b.api.streams.Acquire(t.Context(), 0) {
		t.Fatal("no stream")
	}
	s := b.streaming(func(_ context.Context, s *rowStream) (string, error) {
		for range 5000 {
			if err := s.put(textRow(`"` + strings.Repeat("x", 98) + `"`)); err != nil {
				return "", err
			}
		}
		return "", nil
	})
	resp := b.open(s, "identity")
	if all, err := io.ReadAll(resp.Body); err != nil || len(all) != 5000*101 || resp.ContentLength != int64(len(all)) {
		t.Errorf("%d bytes, length %d, %v", len(all), resp.ContentLength, err)
	}
	b.api.streams.Release()
	b.idle("afterwards")
}

// A panic of a query leaves nothing behind.
func TestStreamPanic(t *testing.T) {
	b := newBench(t, nil)
	s := b.streaming(func(_ context.Context, s *rowStream) (string, error) {
		for range 5000 {
			_ = s.put(textRow(`"` + strings.Repeat("x", 98) + `"`))
		}
		panic(http.ErrAbortHandler)
	})
	resp := b.open(s, "identity")
	if _, err := io.ReadAll(resp.Body); err == nil {
		t.Error("the answer looks complete")
	}
	b.idle("afterwards")
}

func TestQueryNDJSON(t *testing.T) {
	b := newBench(t, nil)
	b.fill(3000)
	resp, answer := b.query("G.V()", "Accept", typeNDJSON)
	if n := strings.Count(answer, "\n"); n != 3002 || resp.Header.Get(HeaderKind) != "nodes" || resp.Trailer.Get("ETag") == "" {
		t.Errorf("%d lines, %v, %v", n, resp.Header, resp.Trailer)
	}
	for line := range strings.Lines(answer) {
		if !json.Valid([]byte(line)) {
			t.Fatalf("%q", line)
		}
	}
	tag := resp.Trailer.Get("ETag")
	if resp, answer := b.query("G.V()", "Accept", typeNDJSON, "If-None-Match", tag); resp.StatusCode != 304 || answer != "" {
		t.Errorf("%d %.100s", resp.StatusCode, answer)
	}
	if resp, answer := b.query("G.V()", "Accept", typeNDJSON, "If-None-Match", tag+"x"); resp.StatusCode != 200 || answer == "" {
		t.Errorf("%d", resp.StatusCode)
	}
	resp, answer = b.query("G.V().Has('Name','eth7').Values('Name')", "Accept", typeNDJSON)
	if answer != "\"eth7\"\n" || resp.ContentLength != 7 || resp.Header.Get("ETag") == "" {
		t.Errorf("%q %v", answer, resp.Header)
	}
	resp, answer = b.do(http.MethodHead, "/api/v1/query?format=ndjson&gremlin=G.V()", "")
	if resp.StatusCode != 200 || answer != "" {
		t.Errorf("HEAD: %d %q", resp.StatusCode, answer)
	}
	b.idle("afterwards")
}
