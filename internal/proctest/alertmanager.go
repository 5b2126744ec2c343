package proctest

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
)

// Notice is an alert, as Alertmanager tells webhooks and who asks its API v2.
type Notice struct {
	Status      any               `json:"status"` // to webhooks: firing or resolved
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	StartsAt    time.Time         `json:"startsAt"`
	EndsAt      time.Time         `json:"endsAt"`
	UpdatedAt   time.Time         `json:"updatedAt"`
	Generator   string            `json:"generatorURL"`
}

// Webhook is a receiver of Alertmanager's notifications.
type Webhook struct {
	*httptest.Server
	mu      sync.Mutex
	notices []Notice
}

// NewWebhook starts one that ends with the test.
func NewWebhook(t testing.TB) *Webhook {
	w := &Webhook{}
	w.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var message struct {
			Alerts []Notice `json:"alerts"`
		}
		if err := json.NewDecoder(r.Body).Decode(&message); err != nil {
			t.Errorf("webhook: %v", err)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.notices = append(w.notices, message.Alerts...)
	}))
	t.Cleanup(w.Close)
	return w
}

// Of returns what was notified of the alert with a label name, in order.
func (w *Webhook) Of(name string) (out []Notice) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, n := range w.notices {
		if n.Labels["name"] == name {
			out = append(out, n)
		}
	}
	return out
}

// Last waits until n notifications have been sent of an alert, the last one of them
// with a status, and returns that.
func (w *Webhook) Last(t testing.TB, name, status string, n int) (out Notice) {
	t.Helper()
	Eventually(t, 60*time.Second, name+" is notified as "+status, func() error {
		all := w.Of(name)
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

// Alertmanager is a real one on loopback, which can be ended and started again.
type Alertmanager struct {
	*Process
	Addr      string
	conf, dir string
}

// NewAlertmanager starts one that notifies the URL of a webhook at once, and of each
// alert by itself.
func NewAlertmanager(t testing.TB, webhook string) *Alertmanager {
	t.Helper()
	a := &Alertmanager{Addr: FreeAddr(t), conf: filepath.Join(t.TempDir(), "alertmanager.yml"), dir: t.TempDir()}
	config := fmt.Sprintf(`
route: {receiver: hook, group_by: ['...'], group_wait: 10ms, group_interval: 100ms, repeat_interval: 1h}
receivers: [{name: hook, webhook_configs: [{url: %q}]}]
`, webhook)
	if err := os.WriteFile(a.conf, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	a.Start(t)
	return a
}

// Start starts it again, over the directory that it had.
func (a *Alertmanager) Start(t testing.TB) {
	t.Helper()
	a.Process = startAlertmanager(t, "--config.file", a.conf, "--storage.path", a.dir,
		"--web.listen-address", a.Addr, "--cluster.listen-address", "")
	Eventually(t, 30*time.Second, "Alertmanager is ready", func() error {
		_, err := a.Alerts()
		return err
	})
}

// Alerts returns the alerts that fire, by their label name.
func (a *Alertmanager) Alerts() (map[string]Notice, error) {
	var all []Notice
	if err := GetJSON("http://"+a.Addr+"/api/v2/alerts", &all); err != nil {
		return nil, err
	}
	out := make(map[string]Notice, len(all))
	for _, n := range all {
		out[n.Labels["name"]] = n
	}
	return out, nil
}

// Alert waits until an alert fires for which cond, which may be nil, holds.
func (a *Alertmanager) Alert(t testing.TB, name string, cond func(Notice) bool) (out Notice) {
	t.Helper()
	Eventually(t, 60*time.Second, "Alertmanager has the alert of "+name, func() error {
		all, err := a.Alerts()
		if err != nil {
			return err
		}
		var ok bool
		if out, ok = all[name]; !ok || cond != nil && !cond(out) {
			return fmt.Errorf("it has %d alerts", len(all))
		}
		return nil
	})
	return out
}

// startAlertmanager starts the program. Debian's wants its templates in /usr/share:
// where they are not, it gets a /usr/share of its own, in namespaces.
func startAlertmanager(t testing.TB, args ...string) *Process {
	t.Helper()
	path := Tool(t, "prometheus-alertmanager")
	share := filepath.Join(filepath.Dir(path), "share")
	if _, err := os.Stat(filepath.Join(share, "prometheus")); err != nil {
		return Start(t, path, nil, args...)
	}
	inside := []string{"--mount", "--propagation", "private"}
	if os.Geteuid() != 0 {
		inside = append(inside, "--user", "--map-root-user")
	}
	inside = append(inside, "sh", "-c", `mount --bind "$0" /usr/share && exec "$@"`, share, path)
	return Start(t, "unshare", nil, append(inside, args...)...)
}

// GetJSON asks a server for JSON.
func GetJSON(url string, into any) error {
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
