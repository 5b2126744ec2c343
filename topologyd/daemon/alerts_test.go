package daemon

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

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/topologyd/client"
	"github.com/skein-net/skein/topologyd/config"
)

// posted is an alert as an Alertmanager is told of it.
type posted struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	StartsAt    time.Time         `json:"startsAt"`
	EndsAt      time.Time         `json:"endsAt"`
	at          time.Time
}

func (p *posted) resolved() bool { return !p.EndsAt.After(p.at) }

// pager is an Alertmanager that remembers what it was told.
type pager struct {
	*httptest.Server
	mu  sync.Mutex
	got []posted
}

func newPager(t *testing.T) *pager {
	p := &pager{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var list []posted
		if err := json.NewDecoder(r.Body).Decode(&list); err != nil || r.URL.Path != "/api/v2/alerts" {
			t.Error(r.URL, err)
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, a := range list {
			a.at = time.Now()
			p.got = append(p.got, a)
		}
	}))
	t.Cleanup(p.Close)
	return p
}

// await waits for an alert, from the nth on.
func (p *pager) await(t *testing.T, what string, from int, ok func(*posted) bool) (a posted, n int) {
	t.Helper()
	proctest.Eventually(t, 30*time.Second, what, func() error {
		p.mu.Lock()
		defer p.mu.Unlock()
		for n = from; n < len(p.got); n++ {
			if a = p.got[n]; ok(&a) {
				return nil
			}
		}
		return fmt.Errorf("told of %d", len(p.got)-from)
	})
	return a, n
}

// link is an interface in a state.
func link(i int, state string) entity.Event {
	e := event(i, 0)
	e.Time = time.Now()
	e.Attributes = e.Attributes.With("State", entity.String(state))
	return e
}

// TestAlertsOverRestarts has a rule tell an Alertmanager of a link, over a restart,
// from two daemons that know nothing of one another.
func TestAlertsOverRestarts(t *testing.T) {
	rules := filepath.Join(t.TempDir(), "rules.yaml")
	text := "groups:\n  - name: links\n    rules:\n      - alert: Down\n        expr: G.V().Has('State', 'DOWN')\n        annotations: {summary: '{{ .Name }} is down'}\n"
	if err := os.WriteFile(rules, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	configure := func(p *pager) config.Config {
		cfg := testConfig(t.TempDir())
		cfg.Alerts.RuleFiles, cfg.Alerts.AlertmanagerURLs, cfg.Alerts.ResendDelay = config.List(rules), config.List(p.URL), 100*time.Millisecond
		return cfg
	}
	p, q := newPager(t), newPager(t)
	cfg := configure(p)
	b, other := start(t, cfg), start(t, configure(q))
	for _, x := range []*bench{b, other} {
		x.write(encode(host(), link(1, "UP"), link(2, "UP")))
		x.write(encode(link(1, "DOWN")))
	}
	firing := func(a *posted) bool { return !a.resolved() }
	first, _ := p.await(t, "the alert", 0, firing)
	second, _ := q.await(t, "that of the other daemon", 0, firing)
	if fmt.Sprint(first.Labels) != fmt.Sprint(second.Labels) || first.Labels["alertname"] != "Down" || first.Annotations["summary"] != "eth1 is down" ||
		first.Annotations["changed"] != "State: UP → DOWN" {
		t.Errorf("%+v\n%+v", first, second)
	}

	b.stop()
	p.mu.Lock()
	before := len(p.got)
	p.mu.Unlock()
	b = start(t, cfg)
	_, n := p.await(t, "the same after a restart", before, firing)
	c := connect(t, b)
	proctest.Eventually(t, 30*time.Second, "a result", func() error {
		r, err := c.AlertRules(t.Context())
		if err != nil || len(r.Groups) != 1 || r.Groups[0].Rules[0].Health != "ok" {
			return errors.Join(err, errors.New("no result yet"))
		}
		return nil
	})
	p.await(t, "it goes on", n+3, firing)
	p.mu.Lock()
	for _, a := range p.got {
		if a.resolved() || !a.StartsAt.Equal(first.StartsAt) || fmt.Sprint(a.Labels) != fmt.Sprint(first.Labels) {
			t.Errorf("%+v", a)
		}
	}
	p.mu.Unlock()

	if list, err := c.ActiveAlerts(t.Context(), client.AlertFilter{Name: "Down", State: "firing"}); err != nil || len(list.Alerts) != 1 {
		t.Error(list, err)
	}
	made, err := c.CreateDefinition(t.Context(), client.Alerts, &client.Definition{ID: "two", Spec: json.RawMessage(`{"alert":"Two","expr":"G.V().Has('Name','eth2')"}`)})
	if err != nil || made.ID != "two" {
		t.Fatal(made, err)
	}
	p.await(t, "of a definition", 0, func(a *posted) bool { return a.Labels["alertname"] == "Two" })
	b.write(encode(link(1, "UP")))
	p.await(t, "its end", 0, func(a *posted) bool { return a.Labels["alertname"] == "Down" && a.resolved() })
}
