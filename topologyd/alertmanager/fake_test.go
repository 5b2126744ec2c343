package alertmanager

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-openapi/strfmt"
	"github.com/prometheus/alertmanager/api/v2/models"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/skein-net/skein/internal/proctest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long tests wait for what must happen.
const patience = 30 * time.Second

// fake is an Alertmanager that keeps what it is told, once that is valid by the
// models of API v2.
type fake struct {
	t testing.TB
	*httptest.Server

	mu sync.Mutex
	// answer, if set, may give another status than 200; 0: 200. With any but that,
	// nothing is kept.
	answer   func(r *http.Request, alerts models.PostableAlerts) int
	latest   map[string]*models.PostableAlert // by the label id
	requests []int                            // sizes
	history  []string                         // id and state, in order
}

// newFake starts one. listener is nil for any port.
func newFake(t testing.TB, listener net.Listener, start func(*httptest.Server)) *fake {
	f := &fake{t: t, latest: make(map[string]*models.PostableAlert)}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v2/alerts", f.alerts)
	mux.HandleFunc("POST /prefix/api/v2/alerts", f.alerts)
	f.Server = httptest.NewUnstartedServer(mux)
	if listener != nil {
		_ = f.Listener.Close()
		f.Listener = listener
	}
	start(f.Server)
	t.Cleanup(f.Server.Close)
	return f
}

func plainFake(t testing.TB) *fake { return newFake(t, nil, (*httptest.Server).Start) }

func (f *fake) alerts(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var alerts models.PostableAlerts
	if err == nil {
		err = json.Unmarshal(body, &alerts)
	}
	if err == nil {
		err = alerts.Validate(strfmt.Default)
	}
	if err != nil || r.Header.Get("Content-Type") != "application/json" {
		f.t.Errorf("not of API v2: %v %s: %s", err, r.Header, body)
		w.WriteHeader(http.StatusUnprocessableEntity)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.answer != nil {
		if status := f.answer(r, alerts); status != 0 && status != http.StatusOK {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(`"because of the test"`))
			return
		}
	}
	f.requests = append(f.requests, len(alerts))
	for _, a := range alerts {
		id := a.Labels["id"]
		f.latest[id] = a
		state := "firing"
		if end := time.Time(a.EndsAt); !end.IsZero() && end.Before(time.Now()) {
			state = "resolved"
		}
		f.history = append(f.history, id+" "+state)
	}
}

func (f *fake) told() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string{}, f.history...)
}

func (f *fake) get(id string) *models.PostableAlert {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.latest[id]
}

func (f *fake) setAnswer(answer func(*http.Request, models.PostableAlerts) int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer = answer
}

// hears waits until the fake has been told exactly this, in order.
func (f *fake) hears(want ...string) {
	f.t.Helper()
	proctest.Eventually(f.t, patience, "Alertmanager is told", func() error {
		if got := f.told(); fmt.Sprint(got) != fmt.Sprint(want) {
			return fmt.Errorf("%v, want %v", got, want)
		}
		return nil
	})
}

// knows waits until the fake knows these alerts in these states, and no others.
func (f *fake) knows(want ...string) {
	f.t.Helper()
	proctest.Eventually(f.t, patience, "Alertmanager knows", func() error {
		states := map[string]string{}
		for _, x := range f.told() {
			id, _, _ := strings.Cut(x, " ")
			states[id] = x
		}
		if got := slices.Sorted(maps.Values(states)); !slices.Equal(got, want) {
			return fmt.Errorf("%v, want %v", got, want)
		}
		return nil
	})
}

// fires returns an alert that fires, ended one that is resolved.
func fires(id string) Outgoing {
	now := time.Now()
	return Outgoing{
		Labels:      map[string]string{"alertname": "InterfaceDown", "id": id},
		Annotations: map[string]string{"summary": id + " is down"},
		StartsAt:    now.Add(-time.Minute), EndsAt: now.Add(time.Hour),
		GeneratorURL: "http://127.0.0.1:4280/",
	}
}

func ended(id string) Outgoing {
	o := fires(id)
	o.EndsAt = time.Now().Add(-time.Second)
	return o
}

// world is a notifier with its metrics and log.
type world struct {
	*Notifier
	t   testing.TB
	reg *prometheus.Registry
	out *proctest.Buffer
}

// start starts a notifier that is stopped with the test.
func start(t testing.TB, change func(*Config)) *world {
	cfg := DefaultConfig()
	cfg.FileEvery, cfg.RetryMin, cfg.RetryMax = 10*time.Millisecond, 5*time.Millisecond, 50*time.Millisecond
	change(&cfg)
	w := &world{t: t, reg: prometheus.NewPedanticRegistry(), out: &proctest.Buffer{}}
	var err error
	w.Notifier, err = New(cfg, slog.New(slog.NewTextHandler(w.out, nil)), w.reg)
	require.NoError(t, err)
	w.Start(t.Context())
	t.Cleanup(func() {
		w.Stop()
		if t.Failed() {
			t.Log(w.out.String())
		}
	})
	return w
}

func (w *world) send(alerts ...Outgoing) { w.Send(time.Now(), alerts) }

// dropped returns how many alerts were dropped for a reason.
func (w *world) dropped(reason string) (n float64) {
	families, err := w.reg.Gather()
	require.NoError(w.t, err)
	for _, f := range families {
		if f.GetName() != "topologyd_notifications_dropped_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == "reason" && l.GetValue() == reason {
					n += m.GetCounter().GetValue()
				}
			}
		}
	}
	return n
}

func (w *world) is(metric prometheus.Collector, want float64) {
	w.t.Helper()
	proctest.Eventually(w.t, patience, "metric", func() error {
		if got := testutil.ToFloat64(metric); got != want {
			return fmt.Errorf("%v, want %v", got, want)
		}
		return nil
	})
}
