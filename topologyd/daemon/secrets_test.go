package daemon

import (
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/credentials/insecure"

	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/topologyd/auth/authfile"
)

// TestSecrets has good and bad tokens pass through everything that the daemon writes,
// at the level at which it says most, and looks for them everywhere.
func TestSecrets(t *testing.T) {
	cfg, ts := guarded(t)
	var log proctest.Buffer
	d, err := New(cfg, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, d: d, cfg: cfg, url: "http://" + d.HTTPAddr().String()}
	t.Cleanup(b.stop)
	b.definitionsRead(ts)
	secrets := []string{"hunter2-hunter2", "aHVudGVyOmh1bnRlcjI="}
	for _, token := range ts {
		secrets = append(secrets, token)
	}
	var answers strings.Builder
	wrong := tokens{"wrong": "hunter2-hunter2", "dots": "hunter2-hunter2.hunter2-hunter2.hunter2-hunter2", "new": authfile.NewToken()}
	secrets = append(secrets, wrong["new"])
	for _, r := range d.routes {
		path := strings.ReplaceAll(strings.TrimSuffix(r.Path, "{$}"), "{id}", "h")
		for _, name := range who {
			_, answer := b.as(ts, name, r.Method, path, "")
			answers.WriteString(answer)
		}
		for name := range wrong {
			_, answer := b.as(wrong, name, r.Method, path, "")
			answers.WriteString(answer)
		}
	}
	b.as(ts, "operator", http.MethodPost, "/api/v1/joins", `{"id":"j","spec":{"disabled":true}}`)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.url+"/api/v1/status", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Basic aHVudGVyOmh1bnRlcjI=")
	if resp, err := http.DefaultClient.Do(req); err != nil {
		t.Fatal(err)
	} else if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	b.export(t, insecure.NewCredentials(), "Bearer "+ts["host"])
	b.export(t, insecure.NewCredentials(), "Bearer "+wrong["new"])
	ts.write(t, cfg.Security.AuthFile, "admin") // what is read again is told in the log
	proctest.Eventually(t, 20*time.Second, "the file is read again", func() error {
		if resp, _ := b.as(ts, "viewer", http.MethodGet, "/api/v1/status", ""); resp.StatusCode != http.StatusUnauthorized {
			return fmt.Errorf("%d", resp.StatusCode)
		}
		return nil
	})
	_, metrics := b.as(ts, "admin", http.MethodGet, "/metrics", "")
	_, graph := b.as(ts, "admin", http.MethodPost, "/api/v1/query", `{"gremlin":"G"}`)
	b.stop()

	places := map[string]string{"an answer": answers.String(), "the metrics": metrics, "the graph": graph, "the log": log.String()}
	err = filepath.Walk(cfg.DataDir, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		places[path] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for place, text := range places {
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				i := strings.Index(text, secret)
				t.Errorf("a secret is in %s: …%s", place, text[max(0, i-200):i])
			}
		}
	}
	if audit := places[filepath.Join(cfg.DataDir, auditFile)]; !strings.Contains(audit, "auth.refused") || !strings.Contains(audit, "definition.create") {
		t.Errorf("nothing is in the audit record: %s", audit)
	}
	if !strings.Contains(log.String(), "level=DEBUG") || !strings.Contains(log.String(), "/v1/logs") {
		t.Error("the log says less than it can")
	}
}
