package faults

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/entity/lineproto"
	"github.com/skein-net/skein/internal/proctest"
)

// ports are entities that go up and down, and what is true of them.
type ports struct {
	t    testing.TB
	d    *daemon
	down []bool
}

func (p *ports) name(i int) string { return fmt.Sprint("port", i) }

// set reports the states of some of them.
func (p *ports) set(down bool, of ...int) {
	p.t.Helper()
	var lines []byte
	for _, i := range of {
		p.down[i] = down
		e := entity.Event{
			Ref: entity.Ref{Type: "fault", ID: entity.NewIdentity("fault.name", p.name(i))}, Source: "faults", Time: time.Now(),
			Attributes: entity.Attrs{
				entity.A("Name", entity.String(p.name(i))), entity.A("State", entity.String(map[bool]string{false: "UP", true: "DOWN"}[down])),
				entity.A("Type", entity.String("fault")),
			},
			Relationships: []entity.Relationship{{Type: entity.RelPartOf, Target: hostRef()}},
		}
		lines = append(lineproto.AppendEvent(lines, &e), '\n')
	}
	_, _, err := p.d.do(p.t.Context(), p.d.http, http.MethodPost, "/api/v2/write", lines)
	require.NoError(p.t, err)
}

// same waits until an Alertmanager has an alert of each that is down, and no other.
func (p *ports) same(a *proctest.Alertmanager, what string) {
	p.t.Helper()
	proctest.Eventually(p.t, 60*time.Second, what, func() error {
		got, err := a.Alerts()
		if err != nil {
			return err
		}
		for i, down := range p.down {
			if _, fires := got[p.name(i)]; fires != down {
				return fmt.Errorf("%s: down %v, fires %v", p.name(i), down, fires)
			}
		}
		return nil
	})
}

// TestAlertmanagerAway has one of two Alertmanagers away for two minutes in which 200
// things go down and up. The other knows all of it meanwhile; the one that comes
// back, without a memory, is told what is true, and tells people what they lack.
func TestAlertmanagerAway(t *testing.T) {
	away := 2 * time.Minute
	if testing.Short() {
		away = 5 * time.Second
	}
	hook := proctest.NewWebhook(t)
	goes, stays := proctest.NewAlertmanager(t, hook.URL), proctest.NewAlertmanager(t, proctest.NewWebhook(t).URL)
	rules := filepath.Join(t.TempDir(), "rules.yml")
	require.NoError(t, os.WriteFile(rules, []byte(
		"groups: [{name: ports, rules: [{alert: PortDown, limit: 1000, expr: \"G.V().Has('Type', 'fault', 'State', 'DOWN')\"}]}]\n"), 0o600))
	d := newDaemon(t, "--alert-rule-files", rules, "--alertmanager-url", "http://"+goes.Addr, "--alertmanager-url", "http://"+stays.Addr)
	d.start()
	hello(t, d)
	p := &ports{t: t, d: d, down: make([]bool, 200)}
	for i := range p.down {
		p.set(i < 60, i)
	}
	p.same(goes, "the first Alertmanager knows")
	p.same(stays, "the second Alertmanager knows")
	for i := range 60 {
		hook.Last(t, p.name(i), "firing", 1)
	}

	goes.End(t, syscall.SIGTERM)
	r := rand.New(rand.NewPCG(9, 9))
	flips := 0
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(away); time.Now().Before(end); flips++ {
		i := r.IntN(len(p.down))
		p.set(!p.down[i], i)
		<-tick.C
	}
	p.same(stays, "the Alertmanager that stays knows")

	goes.Start(t)
	begin := time.Now()
	p.same(goes, "the Alertmanager that was away knows")
	t.Logf("%d changes in %v; told all of it %v after it answered again", flips, away, time.Since(begin).Round(time.Millisecond))
	for i, down := range p.down {
		proctest.Eventually(t, 60*time.Second, "people know of "+p.name(i), func() error {
			told := hook.Of(p.name(i))
			known := len(told) > 0 && told[len(told)-1].Status == "firing"
			if known != down {
				return fmt.Errorf("down %v, told %d times", down, len(told))
			}
			return nil
		})
	}
	metrics, err := d.get("/metrics")
	require.NoError(t, err)
	require.NotContains(t, string(metrics), "topologyd_notifications_dropped_total{", "nothing is dropped")
	require.Contains(t, string(metrics), "topologyd_notifications_sent_total{")
}
