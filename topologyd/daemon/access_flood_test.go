package daemon

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/topologyd/auth/authfile"
)

// TestFlood sends what proves nothing, much and without a pause, while one who is
// known works: that one is never refused.
func TestFlood(t *testing.T) {
	cfg, ts := guarded(t)
	b := start(t, cfg)
	var stop atomic.Bool
	var sent, refused, other atomic.Int64
	var flood sync.WaitGroup
	wrong := "Bearer " + authfile.NewToken()
	for i := range 2 * runtime.GOMAXPROCS(0) {
		flood.Go(func() {
			transport := &http.Transport{}
			defer transport.CloseIdleConnections()
			for !stop.Load() {
				req, err := http.NewRequest(http.MethodPost, b.url+"/api/v1/query", strings.NewReader(`{"gremlin":"G.V().Count()"}`)) //nolint:noctx // many
				if err != nil {
					return
				}
				if i%2 == 0 {
					req.Header.Set("Authorization", wrong)
				}
				resp, err := transport.RoundTrip(req)
				if err != nil {
					other.Add(1)
					continue
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				if sent.Add(1); resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusTooManyRequests {
					refused.Add(1)
				}
			}
		})
	}
	for range 200 {
		if resp, answer := b.as(ts, "viewer", http.MethodPost, "/api/v1/query", `{"gremlin":"G.V().Count()"}`); resp.StatusCode != 200 {
			t.Errorf("the one who is known: %d %s", resp.StatusCode, answer)
		}
	}
	proctest.Eventually(t, 20*time.Second, "there is a flood", func() error {
		if n := sent.Load(); n < 1000 {
			return fmt.Errorf("%d requests", n)
		}
		return nil
	})
	stop.Store(true)
	flood.Wait()
	if sent.Load() != refused.Load() {
		t.Errorf("%d of %d were let in", sent.Load()-refused.Load(), sent.Load())
	}
	_, metrics := b.as(ts, "admin", http.MethodGet, "/metrics", "")
	if !strings.Contains(metrics, `topologyd_auth_refused_total{reason="failures"}`) {
		t.Errorf("%s", lines(metrics, "topologyd_auth"))
	}
	if info, err := os.Stat(filepath.Join(cfg.DataDir, auditFile)); err != nil || info.Size() > 200<<10 {
		t.Errorf("the audit record has %d bytes, %v", info.Size(), err)
	}
}
