package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// Queries that take long leave room for the others, and each other turns; those
// that are too many are refused.
func TestLongQueries(t *testing.T) {
	b := newBench(t, func(c *Config) {
		c.Concurrency = 1
		c.Lanes.Slow, c.Lanes.Waiting, c.Lanes.QuickFor, c.Lanes.Turn = 1, 2, 100*time.Millisecond, time.Millisecond
	})
	b.fill(3)
	stop := make(chan struct{})
	long := b.streaming(func(ctx context.Context, s *rowStream) (string, error) {
		for {
			select {
			case <-stop:
				return "", nil
			default:
				if err := s.job.lane.Pace(ctx); err != nil {
					return "", err
				}
			}
		}
	})
	ask := func() int {
		resp, err := long.Client().Get(long.URL)
		if err != nil {
			t.Error(err)
			return 0
		}
		resp.Body.Close() //nolint:errcheck,gosec // not read
		return resp.StatusCode
	}
	var all sync.WaitGroup
	codes := make(chan int, 3)
	for range 3 {
		all.Go(func() { codes <- ask() })
	}
	eventually(t, "three take long", func() bool { s := b.api.lanes.Stats(); return s.Slow+s.SlowWaiting == 3 })
	for range 5 {
		if resp, answer := b.query("G.V().Count()"); resp.StatusCode != 200 {
			t.Errorf("meanwhile: %d %s", resp.StatusCode, answer)
		}
	}
	if code := ask(); code != 503 {
		t.Errorf("the fourth: %d", code)
	}
	if _, status := b.do(http.MethodGet, "/api/v1/status", ""); !strings.Contains(status, `"running":3`) {
		var m map[string]any
		_ = json.Unmarshal([]byte(status), &m)
		t.Errorf("%v", m["queries"])
	}
	if _, text := b.do(http.MethodGet, "/metrics", ""); !strings.Contains(text, "\ntopologyd_queries_slow 3\n") {
		t.Error("the metrics do not tell of them")
	}
	close(stop)
	all.Wait()
	for range 3 {
		if code := <-codes; code != 200 {
			t.Errorf("a long one: %d", code)
		}
	}
	b.idle("afterwards")
}

// Answers that are made at the same time share memory with what queries remember.
func TestAnswersTakeMemory(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Lanes.Memory, c.Streams = 512<<10, 1 })
	b.fill(9000)
	if !b.api.streams.Acquire(t.Context(), 0) { // lines, too, are kept until all are there
		t.Fatal("no stream")
	}
	for _, form := range []string{"json", "ndjson", "dot", "csv"} {
		resp, answer := b.do(http.MethodGet, "/api/v1/query?gremlin=G.V()&format="+form, "")
		if resp.StatusCode != 422 || resp.Header.Get(HeaderLimit) != "memory" || !strings.Contains(answer, "all queries together") {
			t.Errorf("%s: %d %v %.200s", form, resp.StatusCode, resp.Header, answer)
		}
		if resp, answer := b.do(http.MethodGet, "/api/v1/query?gremlin=G.V().Limit(100)&format="+form, ""); resp.StatusCode != 200 {
			t.Errorf("%s, a short one: %d %.200s", form, resp.StatusCode, answer)
		}
	}
	b.api.streams.Release()
	if resp, answer := b.do(http.MethodGet, "/api/v1/query?gremlin=G.V()&format=ndjson", ""); resp.StatusCode != 200 || strings.Count(answer, "\n") < 9000 {
		t.Errorf("as a stream: %d, %d bytes", resp.StatusCode, len(answer))
	}
	b.idle("afterwards")
	if n := b.api.lanes.Stats().Memory; n != 0 {
		t.Errorf("%d bytes are still taken", n)
	}
}
