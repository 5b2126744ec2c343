package alertmanager

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/alertmanager/api/v2/models"
	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/proctest"
)

func TestTells(t *testing.T) {
	f := plainFake(t)
	w := start(t, func(c *Config) { c.URLs = []string{f.URL + "/prefix/"} })
	o := fires("eth\xff0")
	o.Labels["empty"], o.GeneratorURL = "", "no link"
	w.send(o)
	f.hears("eth\uFFFD0 firing")
	got := f.get("eth\uFFFD0")
	require.Equal(t, models.LabelSet{"alertname": "InterfaceDown", "id": "eth\uFFFD0"}, got.Labels)
	require.Equal(t, models.LabelSet{"summary": "eth\uFFFD0 is down"}, got.Annotations)
	require.Empty(t, got.GeneratorURL, "a link that is none would have the alert refused")
	require.WithinDuration(t, o.StartsAt, time.Time(got.StartsAt), time.Millisecond)
	require.WithinDuration(t, o.EndsAt, time.Time(got.EndsAt), time.Millisecond)

	w.send(ended("eth\xff0"))
	f.hears("eth\uFFFD0 firing", "eth\uFFFD0 resolved")
	w.is(w.n.sent.WithLabelValues(f.URL+"/prefix"), 2)
	w.is(w.n.queued.WithLabelValues(f.URL+"/prefix"), 0)
	w.is(w.n.up.WithLabelValues(f.URL+"/prefix"), 1)

	w.send(Outgoing{}, Outgoing{Labels: map[string]string{"": "x"}})
	require.Equal(t, 2.0, w.dropped("invalid"))
}

// TestClockSetBack sends alerts that began, by the clock of before, later than they
// end: Alertmanager would refuse them.
func TestClockSetBack(t *testing.T) {
	f := plainFake(t)
	w := start(t, func(c *Config) { c.URLs = []string{f.URL} })
	o := ended("eth0")
	o.StartsAt = time.Now().Add(time.Hour)
	w.send(o)
	f.hears("eth0 resolved")
	got := f.get("eth0")
	require.Equal(t, got.EndsAt, got.StartsAt)
	require.WithinDuration(t, o.EndsAt, time.Time(got.EndsAt), time.Millisecond)
}

func TestManyGoInBatches(t *testing.T) {
	f := plainFake(t)
	w := start(t, func(c *Config) { c.URLs = []string{f.URL} })
	var all []Outgoing
	for i := range 1000 {
		all = append(all, fires(fmt.Sprint("eth", i)))
	}
	w.send(all...)
	proctest.Eventually(t, patience, "all arrive", func() error {
		if n := len(f.told()); n != 1000 {
			return fmt.Errorf("%d", n)
		}
		return nil
	})
	for _, n := range f.requests {
		require.LessOrEqual(t, n, 64)
	}
	require.Equal(t, "eth0 firing", f.told()[0], "the oldest first")
}

// TestAwayAndBack has an Alertmanager go away and come back without what it knew.
func TestAwayAndBack(t *testing.T) {
	f := plainFake(t)
	w := start(t, func(c *Config) { c.URLs = []string{f.URL} })
	w.send(fires("before"), fires("ends"))
	f.knows("before firing", "ends firing")
	address := f.Listener.Addr().String()
	f.Server.Close()

	w.send(fires("flaps"), ended("ends"), fires("meanwhile"))
	w.send(ended("flaps"))
	w.is(w.n.up.WithLabelValues(f.URL), 0)
	w.send(fires("flaps"), fires("late"))
	w.is(w.n.queued.WithLabelValues(f.URL), 4)

	var l net.Listener
	proctest.Eventually(t, patience, "the port is free", func() (err error) {
		l, err = new(net.ListenConfig).Listen(t.Context(), "tcp", address)
		return err
	})
	f = newFake(t, l, (*httptest.Server).Start)
	f.knows("before firing", "ends resolved", "flaps firing", "late firing", "meanwhile firing")
	w.is(w.n.queued.WithLabelValues(f.URL), 0)
	require.Zero(t, w.dropped("queue_full"))
	require.Contains(t, w.out.String(), "takes alerts again")
}

func TestOneThatHangsHoldsUpNobody(t *testing.T) {
	hangs, other := plainFake(t), plainFake(t)
	release := make(chan struct{})
	entered := make(chan struct{}, 100)
	hangs.Config.Handler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		entered <- struct{}{}
		<-release
	})
	defer close(release)
	w := start(t, func(c *Config) {
		c.URLs, c.Queue, c.Drain = []string{hangs.URL, other.URL}, 3, 50*time.Millisecond
	})
	w.send(fires("a"))
	<-entered
	other.hears("a firing")
	heard := []string{"a firing"}
	for _, id := range []string{"b", "c", "d"} {
		w.send(fires(id))
		heard = append(heard, id+" firing")
		other.hears(heard...)
	}
	w.is(w.n.queued.WithLabelValues(hangs.URL), 3)
	require.Equal(t, 1.0, w.dropped("queue_full"), "the oldest made room")

	w.Stop()
	require.Equal(t, 3.0, w.dropped("stopping"), "what is left is counted")
	w.send(fires("e"))
	require.Equal(t, 4.0, w.dropped("stopping"))
	w.Stop()
}

func TestOneThatIsRefusedTakesNoOtherWithIt(t *testing.T) {
	for _, status := range []int{http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusRequestEntityTooLarge} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			f := plainFake(t)
			f.setAnswer(func(_ *http.Request, alerts models.PostableAlerts) int {
				for _, a := range alerts {
					if a.Labels["id"] == "bad" {
						return status
					}
				}
				return 0
			})
			w := start(t, func(c *Config) { c.URLs = []string{f.URL} })
			w.send(fires("a"), fires("b"), fires("bad"), fires("c"), fires("d"))
			f.hears("a firing", "b firing", "c firing", "d firing")
			require.Equal(t, 1.0, w.dropped("refused"))
			w.is(w.n.queued.WithLabelValues(f.URL), 0)
		})
	}
}

func TestOthersThanRefusalsAreTriedAgain(t *testing.T) {
	for _, status := range []int{401, 403, 404, 408, 429, 500, 502, 503} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			f := plainFake(t)
			tries := 0
			f.setAnswer(func(*http.Request, models.PostableAlerts) int {
				if tries++; tries < 4 {
					return status
				}
				return 0
			})
			w := start(t, func(c *Config) { c.URLs = []string{f.URL} })
			w.send(fires("a"))
			f.hears("a firing")
			label := "status"
			if status == 401 || status == 403 {
				label = "unauthorized"
			}
			w.is(w.n.requests.WithLabelValues(f.URL, label), 3)
			w.is(w.n.requests.WithLabelValues(f.URL, "ok"), 1)
		})
	}
}

func TestStopSendsWhatIsQueued(t *testing.T) {
	f := plainFake(t)
	w := start(t, func(c *Config) { c.URLs, c.Batch, c.Drain = []string{f.URL}, 1, patience })
	for i := range 20 {
		w.send(fires(fmt.Sprint(i)))
	}
	w.Stop()
	require.Len(t, f.told(), 20)
	require.Zero(t, w.dropped("stopping"))
}

func TestNewRefuses(t *testing.T) {
	for _, bad := range []string{"://", "127.0.0.1:9093", "ftp://127.0.0.1", "http://user:secret@127.0.0.1", "http://127.0.0.1/?a=b"} {
		cfg := DefaultConfig()
		cfg.URLs = []string{bad}
		_, err := New(cfg, nil, nil)
		require.Error(t, err, bad)
		require.NotContains(t, err.Error(), "secret")
	}
}
