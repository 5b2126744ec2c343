package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/proctest"
)

// getJSON asks a server for JSON.
func getJSON(url string, into any) error {
	resp, err := (&http.Client{Timeout: 10 * time.Second}).Get(url) //nolint:noctx // it has a time limit
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", url, resp.Status)
	}
	return json.NewDecoder(resp.Body).Decode(into)
}

// notice is one alert of what Alertmanager posts to webhooks
// (alertmanager/docs/configuration.md, webhook_config).
type notice struct {
	Status      string            `json:"status"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	StartsAt    time.Time         `json:"startsAt"`
	EndsAt      time.Time         `json:"endsAt"`
	Generator   string            `json:"generatorURL"`
}

// webhook is a receiver of notifications.
type webhook struct {
	*httptest.Server
	mu      sync.Mutex
	notices []notice
}

func newWebhook(t testing.TB) *webhook {
	w := &webhook{}
	w.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var message struct {
			Alerts []notice `json:"alerts"`
		}
		if err := json.NewDecoder(r.Body).Decode(&message); err != nil {
			t.Errorf("webhook: %v", err)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.notices = append(w.notices, message.Alerts...)
	}))
	t.Cleanup(w.Server.Close)
	return w
}

// of returns what was notified of an interface, in order.
func (w *webhook) of(name string) (out []notice) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, n := range w.notices {
		if n.Labels["name"] == name {
			out = append(out, n)
		}
	}
	return out
}

// last waits until the last of n notifications about an interface has a status,
// and returns it.
func (w *webhook) last(t testing.TB, name, status string, n int) (out notice) {
	t.Helper()
	proctest.Eventually(t, 60*time.Second, name+" is notified as "+status, func() error {
		all := w.of(name)
		if len(all) == 0 {
			return errors.New("nothing is")
		}
		if out = all[len(all)-1]; out.Status != status || len(all) != n {
			return fmt.Errorf("%d notifications, the last %s", len(all), out.Status)
		}
		return nil
	})
	return out
}

// alertmanager is a real one, which can be ended and started again.
type alertmanager struct {
	*proctest.Process
	addr, conf, dir string
}

// newAlertmanager starts one that notifies a webhook of each alert by itself.
func newAlertmanager(t testing.TB, hook *webhook) *alertmanager {
	t.Helper()
	a := &alertmanager{addr: proctest.FreeAddr(t), conf: filepath.Join(t.TempDir(), "alertmanager.yml"), dir: t.TempDir()}
	require.NoError(t, os.WriteFile(a.conf, []byte(fmt.Sprintf(`
route: {receiver: hook, group_by: ['...'], group_wait: 10ms, group_interval: 100ms, repeat_interval: 1h}
receivers: [{name: hook, webhook_configs: [{url: %q}]}]
`, hook.URL)), 0o600))
	a.start(t)
	return a
}

func (a *alertmanager) start(t testing.TB) {
	t.Helper()
	a.Process = proctest.StartAlertmanager(t, "--config.file", a.conf, "--storage.path", a.dir,
		"--web.listen-address", a.addr, "--cluster.listen-address", "")
	proctest.Eventually(t, 30*time.Second, "Alertmanager is ready", func() error {
		var status struct{}
		return getJSON("http://"+a.addr+"/api/v2/status", &status)
	})
}

// alert is one as Alertmanager's API v2 has it.
type alert struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	StartsAt    time.Time         `json:"startsAt"`
	EndsAt      time.Time         `json:"endsAt"`
	UpdatedAt   time.Time         `json:"updatedAt"`
}

// alert waits until Alertmanager has an alert about an interface for which cond
// holds, and returns it. cond may be nil.
func (a *alertmanager) alert(t testing.TB, name string, cond func(alert) bool) (out alert) {
	t.Helper()
	proctest.Eventually(t, 60*time.Second, "Alertmanager has the alert of "+name, func() error {
		var all []alert
		if err := getJSON("http://"+a.addr+"/api/v2/alerts", &all); err != nil {
			return err
		}
		for _, out = range all {
			if out.Labels["name"] == name && (cond == nil || cond(out)) {
				return nil
			}
		}
		return fmt.Errorf("it has %d others", len(all))
	})
	return out
}
