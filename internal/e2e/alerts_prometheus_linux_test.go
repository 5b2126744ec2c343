package e2e

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/proctest"
)

// TestPrometheus has a real Prometheus run what is shipped: its configuration, with
// the addresses of the test and a token, and the rules.
func TestPrometheus(t *testing.T) {
	prometheus := proctest.Tool(t, "prometheus")
	am := proctest.NewAlertmanager(t, proctest.NewWebhook(t).URL)
	dir := t.TempDir()
	token := "skein_" + base64.RawURLEncoding.EncodeToString([]byte("thirty-two bytes that are secret"))
	auth := filepath.Join(dir, "auth.yml")
	require.NoError(t, os.WriteFile(auth, []byte(fmt.Sprintf("tokens: [{name: prometheus, sha256: %x, roles: [viewer]}]\n", sha256.Sum256([]byte(token)))), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "token"), []byte(token+"\n"), 0o600))
	d := startDaemon(t, "", "", "--auth-file", auth)

	b, err := os.ReadFile("../../deploy/prometheus/prometheus.yml")
	require.NoError(t, err)
	text := string(b)
	for old, with := range map[string]string{
		"127.0.0.1:9093":           am.Addr,
		"scrape_interval: 15s":     "scrape_interval: 1s",
		"evaluation_interval: 15s": "evaluation_interval: 1s",
	} {
		require.Contains(t, text, old)
		text = strings.ReplaceAll(text, old, with)
	}
	rules, err := filepath.Abs("../../alerts/prometheus")
	require.NoError(t, err)
	text = strings.ReplaceAll(text, "../../alerts/prometheus", rules)
	job := "  - job_name: topologyd\n"
	require.Contains(t, text, job)
	text = strings.Replace(text, job, job+"    authorization: {credentials_file: "+filepath.Join(dir, "token")+"}\n", 1)
	require.Contains(t, text, "127.0.0.1:4280")
	text = strings.ReplaceAll(text, "127.0.0.1:4280", d.addr)
	conf := filepath.Join(dir, "prometheus.yml")
	require.NoError(t, os.WriteFile(conf, []byte(text), 0o600))

	addr := proctest.FreeAddr(t)
	p := proctest.Start(t, prometheus, nil, "--config.file", conf, "--storage.tsdb.path", t.TempDir(), "--web.listen-address", addr)
	var targets struct {
		Data struct {
			ActiveTargets []struct {
				Labels            map[string]string
				Health, LastError string
			} `json:"activeTargets"`
		}
	}
	proctest.Eventually(t, 60*time.Second, "Prometheus reads topologyd's metrics by the token", func() error {
		if err := proctest.GetJSON("http://"+addr+"/api/v1/targets", &targets); err != nil {
			return err
		}
		for _, x := range targets.Data.ActiveTargets {
			if x.Labels["job"] == "topologyd" {
				if x.Health == "up" {
					return nil
				}
				return fmt.Errorf("%s: %s", x.Health, x.LastError)
			}
		}
		return errors.New("it does not know topologyd")
	})
	files, err := filepath.Glob(rules + "/*.rules.yml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	proctest.Eventually(t, 60*time.Second, "all rules have been evaluated", func() error { return rulesAreWell(addr, len(files)) })
	for _, line := range strings.Split(p.Out.String(), "\n") {
		require.NotContains(t, line, "level=error")
	}
	// Otelcol and Telegraf do not run here, of which people are told.
	proctest.Eventually(t, 60*time.Second, "Prometheus knows Alertmanager", func() error {
		var known struct {
			Data struct {
				Active []struct{ URL string } `json:"activeAlertmanagers"`
			}
		}
		err := proctest.GetJSON("http://"+addr+"/api/v1/alertmanagers", &known)
		if err == nil && (len(known.Data.Active) != 1 || !strings.Contains(known.Data.Active[0].URL, am.Addr)) {
			err = fmt.Errorf("it knows %v", known.Data.Active)
		}
		return err
	})
}

// rulesAreWell says which rule of a Prometheus has not been evaluated without an
// error, or that there are not as many files.
func rulesAreWell(addr string, files int) error {
	var rules struct {
		Data struct {
			Groups []struct {
				File  string
				Rules []struct{ Name, Health, LastError string }
			}
		}
	}
	if err := proctest.GetJSON("http://"+addr+"/api/v1/rules", &rules); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, g := range rules.Data.Groups {
		seen[g.File] = true
		for _, r := range g.Rules {
			if r.Health != "ok" {
				return fmt.Errorf("%s is %s: %s", r.Name, r.Health, r.LastError)
			}
		}
	}
	if len(seen) != files {
		return fmt.Errorf("rules of %d files, there are %d", len(seen), files)
	}
	return nil
}
