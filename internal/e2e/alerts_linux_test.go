package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/proctest"
)

// alertGoal is how soon after a change Alertmanager is to have its alert. It is
// told, not tested: the machine may be busy.
const alertGoal = 5 * time.Second

// alertWorld is a host with a bridge and its ports, a daemon with a graph rule about
// them, and an Alertmanager that notifies a webhook.
type alertWorld struct {
	*hostNS
	daemon *daemon
	args   []string
	am     *proctest.Alertmanager
	hook   *proctest.Webhook
}

func newAlertWorld(t testing.TB) *alertWorld {
	w := &alertWorld{hostNS: newHost(t), hook: proctest.NewWebhook(t)}
	w.am = proctest.NewAlertmanager(t, w.hook.URL)
	w.ip("", "link", "add", "br0", "type", "bridge")
	w.ip("", "link", "set", "br0", "up")
	w.addNS("blue")
	for i := range 4 {
		port := fmt.Sprint("port", i)
		w.ip("", "link", "add", port, "type", "veth", "peer", "name", fmt.Sprint("eth", i), "netns", w.path("blue"))
		w.ip("", "link", "set", port, "master", "br0", "up")
		w.ip("blue", "link", "set", fmt.Sprint("eth", i), "up")
	}

	dir := t.TempDir()
	rules, managers := filepath.Join(dir, "rules.yml"), filepath.Join(dir, "alertmanagers.yml")
	require.NoError(t, os.WriteFile(rules, []byte(`
groups:
  - name: links
    labels: {team: net}
    rules:
      - alert: PortDown
        expr: G.V().Has('Name', REGEX('port.*'), 'State', 'DOWN')
        was: G.V().Has('State', 'UP')
        labels: {severity: warning}
        annotations: {summary: '{{ .Name }} of {{ $labels.host }} is down'}
`), 0o600))
	require.NoError(t, os.WriteFile(managers, []byte(fmt.Sprintf(
		"external_labels: {site: west}\nalertmanagers: [{static_configs: [{targets: [%q]}]}]\n", w.am.Addr)), 0o600))
	w.args = []string{"--alert-rule-files", rules, "--alertmanager-file", managers, "--alert-resend-delay", "1s", "--external-url", "http://skein.test:4280"}
	w.daemon = startDaemon(t, "", "", w.args...)
	startTelegraf(t, telegrafConf(t, "http://"+w.daemon.addr, w.hostNS))
	w.daemon.same(t, w.hostNS, 60*time.Second)
	w.daemon.counts(t, 4, "G.V().Has('Name', REGEX('port.*'), 'State', 'UP').Count()")
	return w
}

func (w *alertWorld) set(i int, state string) {
	w.t.Helper()
	w.ip("", "link", "set", fmt.Sprint("port", i), state)
}

// restart ends the daemon by a signal and starts it again.
func (w *alertWorld) restart(t testing.TB, s os.Signal) {
	t.Helper()
	w.daemon.End(t, s)
	w.daemon = startDaemon(t, w.daemon.dir, w.daemon.addr, w.args...)
}

// TestAlert goes all the way: an interface goes down and up again, and a webhook
// hears of both, with what changed and where.
func TestAlert(t *testing.T) {
	w := newAlertWorld(t)
	begin := time.Now()
	w.set(0, "down")
	got := w.am.Alert(t, "port0", nil)
	took := time.Since(begin)
	t.Logf("from ip link set down to Alertmanager: %v (goal %v)", took.Round(time.Millisecond), alertGoal)
	require.WithinRange(t, got.StartsAt, begin.Add(-time.Second), time.Now())

	n := w.hook.Last(t, "port0", "firing", 1)
	t.Logf("to the webhook: %v; labels %v; annotations %v", time.Since(begin).Round(time.Millisecond), n.Labels, n.Annotations)
	for name, want := range map[string]string{"alertname": "PortDown", "severity": "warning", "team": "net", "site": "west", "name": "port0", "type": "veth"} {
		require.Equal(t, want, n.Labels[name], name)
	}
	require.NotEmpty(t, n.Labels["id"])
	require.Contains(t, n.Labels["host"], w.name)
	require.Equal(t, "port0 of "+n.Labels["host"]+" is down", n.Annotations["summary"])
	require.Contains(t, n.Annotations["changed"], "State: UP → DOWN")
	require.Contains(t, n.Annotations["neighbours"], "br0")
	require.Contains(t, n.Annotations["neighbours"], "eth0")
	require.Contains(t, n.Annotations["around"], "port0")
	require.Contains(t, n.Annotations["difference_url"], "http://skein.test:4280/")
	require.Contains(t, n.Generator, "http://skein.test:4280/")

	w.set(0, "up")
	n = w.hook.Last(t, "port0", "resolved", 2)
	require.True(t, n.EndsAt.After(n.StartsAt))
	require.Empty(t, w.hook.Of("port1"), "nobody is told of what is up")
}

// TestAlertmanagerAway has Alertmanager away while alerts begin and end; the full
// two minutes are in internal/faults.
func TestAlertmanagerAway(t *testing.T) {
	away := 20 * time.Second
	if testing.Short() {
		away = 2 * time.Second
	}
	w := newAlertWorld(t)
	w.set(0, "down")
	w.set(1, "down")
	w.hook.Last(t, "port0", "firing", 1)
	w.hook.Last(t, "port1", "firing", 1)

	w.am.End(t, syscall.SIGTERM)
	end := time.Now().Add(away)
	w.set(0, "up")   // ends meanwhile
	w.set(2, "down") // begins meanwhile
	w.set(3, "down") // begins and ends meanwhile
	proctest.Eventually(t, 60*time.Second, "port3 is an alert", func() error {
		if got := w.daemon.ctl(t, "alert", "active"); !strings.Contains(got, "port3") {
			return errors.New(got)
		}
		return nil
	})
	w.set(3, "up")
	proctest.Eventually(t, away+30*time.Second, "Alertmanager has been away", func() error {
		if left := time.Until(end); left > 0 {
			return fmt.Errorf("%v more", left)
		}
		return nil
	})
	w.am.Start(t)
	begin := time.Now()
	w.hook.Last(t, "port2", "firing", 1)
	t.Logf("from Alertmanager's return to a webhook that knows: %v", time.Since(begin).Round(time.Millisecond))
	w.hook.Last(t, "port0", "resolved", 2)
	w.am.Alert(t, "port1", nil) // it forgot, and is told again
	require.Len(t, w.hook.Of("port1"), 1, "nothing new about what went on")
	require.Empty(t, w.hook.Of("port3"), "it was over before anybody could be told")
}

// TestDaemonRestartsWhileFiring ends the daemon politely, then not.
func TestDaemonRestartsWhileFiring(t *testing.T) {
	w := newAlertWorld(t)
	w.set(0, "down")
	first := w.am.Alert(t, "port0", nil)
	w.hook.Last(t, "port0", "firing", 1)
	for _, s := range []os.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		w.restart(t, s)
		since := time.Now()
		for range 3 { // several more times that it is sent
			again := w.am.Alert(t, "port0", func(a proctest.Notice) bool { return a.UpdatedAt.After(since) })
			since = again.UpdatedAt
			require.Equal(t, first.StartsAt, again.StartsAt, "after %v", s)
			require.Equal(t, first.Labels, again.Labels)
		}
		require.Len(t, w.hook.Of("port0"), 1, "nobody is told of a restart after %v", s)
	}
	w.set(0, "up")
	n := w.hook.Last(t, "port0", "resolved", 2)
	require.Equal(t, first.StartsAt.UnixMilli(), n.StartsAt.UnixMilli())
}
