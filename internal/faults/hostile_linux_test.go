package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity/entitytest"
	"github.com/skein-net/skein/internal/entity/lineproto"
	"github.com/skein-net/skein/internal/proctest"
)

const (
	hostileNodes   = 100_000
	hostileFor     = time.Minute
	hostileClients = 12
	// hostileMemory is what the daemon may take at most, with its graph.
	hostileMemory = 3 << 30
)

// fill sends the network of the benchmarks.
func (d *daemon) fill(t *testing.T, n int) {
	t.Helper()
	now := time.Now()
	for from := 0; from < n; from += 1000 {
		var b []byte
		for i := from; i < min(n, from+1000); i++ {
			e := entitytest.Network(i, now)
			b = lineproto.AppendEvent(b, &e)
		}
		_, _, err := d.do(t.Context(), d.http, http.MethodPost, "/api/v2/write", b)
		require.NoError(t, err)
	}
}

// proc reads a number of kB from /proc/PID/status.
func (d *daemon) proc(key string) int64 {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(d.cmd.Process.Pid) + "/status")
	if err != nil {
		return 0
	}
	m := regexp.MustCompile(`(?m)^` + key + `:\s+(\d+) kB`).FindSubmatch(b)
	if m == nil {
		return 0
	}
	n, _ := strconv.ParseInt(string(m[1]), 10, 64)
	return n << 10
}

// TestHostileQueries asks for a minute what costs most, and what is no query at
// all, in every form of answer, with clients that hang up. The daemon lives on,
// its memory stays bounded, and those who ask for little get it all the time.
func TestHostileQueries(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes a minute and a half")
	}
	d := newDaemon(t)
	d.start()
	d.fill(t, hostileNodes)
	require.EqualValues(t, hostileNodes, d.number("G.V().Count()"))
	before := d.proc("VmRSS")

	ctx, cancel := context.WithTimeout(t.Context(), hostileFor)
	defer cancel()
	var wg sync.WaitGroup
	var answers, refused, cut atomic.Int64
	for i := range hostileClients {
		wg.Go(func() {
			h := &hostile{rand.New(rand.NewPCG(uint64(i), uint64(time.Now().UnixNano())))}
			c := newHTTP(nil)
			defer c.CloseIdleConnections()
			for ctx.Err() == nil {
				switch status := d.harass(ctx, c, h); {
				case status == 0:
					cut.Add(1)
				case status/100 == 2:
					answers.Add(1)
				default:
					refused.Add(1)
				}
			}
		})
	}
	var mu sync.Mutex
	var took []time.Duration
	var failed error
	for i := range 2 {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(i), 3))
			for ctx.Err() == nil {
				n := 1 + rnd.IntN(hostileNodes-1)
				if n%101 == 0 {
					continue
				}
				begin := time.Now()
				_, b, err := d.do(context.Background(), d.http, http.MethodPost, "/api/v1/query",
					fmt.Appendf(nil, `{"gremlin":"G.V().Has('Name','%s').Values('Name')"}`, entitytest.NetworkName(n)))
				if err == nil && strings.TrimSpace(string(b)) != `["`+entitytest.NetworkName(n)+`"]` {
					err = fmt.Errorf("%s was answered by %.200s", entitytest.NetworkName(n), b)
				}
				mu.Lock()
				if took = append(took, time.Since(begin)); err != nil && failed == nil {
					failed = err
				}
				mu.Unlock()
				time.Sleep(10 * time.Millisecond)
			}
		})
	}
	peak := int64(0)
	for ctx.Err() == nil {
		peak = max(peak, d.proc("VmRSS"))
		time.Sleep(50 * time.Millisecond)
	}
	wg.Wait()

	require.NoError(t, failed, "somebody who asked for little was not answered")
	require.NoError(t, d.ready())
	slices.Sort(took)
	t.Logf("%d hostile queries answered, %d refused, %d cut off; %d small ones took p50 %v, p99 %v, at most %v; memory %d MiB before, at most %d MiB",
		answers.Load(), refused.Load(), cut.Load(), len(took), took[len(took)/2], took[len(took)*99/100], took[len(took)-1], before>>20, peak>>20)
	require.Positive(t, answers.Load())
	require.Positive(t, refused.Load())
	require.Less(t, peak, int64(hostileMemory))
	require.NotContains(t, d.printed(), "panic")
	require.EqualValues(t, hostileNodes, d.number("G.V().Count()"))
	proctest.Eventually(t, 20*time.Second, "no query is left", func() error {
		b, err := d.get("/api/v1/status")
		if err != nil {
			return err
		}
		var s struct {
			Queries struct {
				Running int `json:"running"`
			} `json:"queries"`
		}
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		if s.Queries.Running != 0 {
			return fmt.Errorf("%d queries run: %s", s.Queries.Running, b)
		}
		return nil
	})
}

// harass asks one hostile query and returns the status, 0 when there was none.
func (d *daemon) harass(ctx context.Context, c *http.Client, h *hostile) int {
	body, err := json.Marshal(map[string]any{
		"gremlin": h.query(), "at": pick(h.rnd, "", "", "", "", "-1s", "-10s", "yesterday"),
	})
	if err != nil {
		return 0
	}
	patience := 20 * time.Second
	if h.rnd.IntN(8) == 0 {
		patience = time.Duration(h.rnd.IntN(300)) * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	path := pick(h.rnd, "/api/v1/query", "/api/v1/query", "/api/v1/query", "/api/v1/query", "/api/v1/topology", "/api/v1/complete", "/api/v1/check")
	switch path {
	case "/api/v1/check":
		body, _ = json.Marshal(map[string]any{"gremlin": h.query()})
	case "/api/v1/complete":
		text := h.query()
		body, _ = json.Marshal(map[string]any{"gremlin": text, "offset": h.rnd.IntN(len(text) + 1)})
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+d.addr+path, bytes.NewReader(body))
	if err != nil {
		return 0
	}
	req.Header.Set("Accept", pick(h.rnd, "application/json", "application/x-ndjson", "text/vnd.graphviz", "text/csv", "*/*"))
	req.Header.Set("Accept-Encoding", pick(h.rnd, "gzip", "zstd", "identity", "br, *;q=0"))
	resp, err := c.Do(req)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	var to io.Reader = resp.Body
	if h.rnd.IntN(10) == 0 { // hang up in the middle
		to = io.LimitReader(resp.Body, int64(h.rnd.IntN(100_000)))
	}
	_, _ = io.Copy(io.Discard, to)
	return resp.StatusCode
}
