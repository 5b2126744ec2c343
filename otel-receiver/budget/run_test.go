package budget

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/otel-receiver/source"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// meter is a source that uses as much of a core as its load says.
type meter struct {
	mu    sync.Mutex
	rate  uint32
	asked []uint32
	fail  error
	begun time.Time
	cpu   time.Duration
	full  float64 // cores without sampling
}

func (m *meter) SetSampling(n uint32) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked = append(m.asked, n)
	if m.fail != nil {
		return m.fail
	}
	m.advance()
	m.rate = n
	return nil
}

func (m *meter) advance() {
	now := time.Now()
	if !m.begun.IsZero() {
		m.cpu += time.Duration(float64(now.Sub(m.begun)) * m.full / float64(max(m.rate, 1)))
	}
	m.begun = now
}

func (m *meter) Stats() source.Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.advance()
	return source.Stats{CPU: m.cpu}
}

func (m *meter) set(change func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.advance()
	change()
}

func (m *meter) now() uint32 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.rate
}

// start runs a budget until stop is called.
func start(src Source, cfg Config, log *slog.Logger, onStep func(Step)) (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, src, cfg, log, onStep, 5*time.Millisecond) }()
	return func() error { cancel(); return <-ended }
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	proctest.Eventually(t, 20*time.Second, what, func() error {
		if !ok() {
			return errors.New("not yet")
		}
		return nil
	})
}

// TestRun has a source that uses too much be told to sample, and no more than
// that when it is idle again.
func TestRun(t *testing.T) {
	m := &meter{full: 0.8}
	var mu sync.Mutex
	var last Step
	stop := start(m, Config{CPU: 50, Least: 2}, slog.New(slog.DiscardHandler), func(s Step) { mu.Lock(); last = s; mu.Unlock() })
	until(t, "it samples", func() bool { return m.now() >= 16 })
	until(t, "the step tells it", func() bool { mu.Lock(); defer mu.Unlock(); return last.Rate >= 16 && last.Used < 100 })
	m.set(func() { m.full = 0 })
	until(t, "the least rate is back", func() bool { return m.now() == 2 })
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// lumpy is a source that tells what it used in pieces, and once keeps who asks
// waiting.
type lumpy struct {
	begun time.Time
	asked int
}

func (*lumpy) SetSampling(uint32) error { return nil }

func (l *lumpy) Stats() source.Stats {
	if l.asked++; l.asked == 3 {
		time.Sleep(930 * time.Millisecond)
	}
	return source.Stats{CPU: time.Since(l.begun).Truncate(100*time.Millisecond) / 10}
}

// TestRunLate has a step that comes late not make the next one so short that
// what was used in it seems too much.
func TestRunLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &lumpy{begun: time.Now().Add(-50 * time.Millisecond)}
		ctx, cancel := context.WithCancel(t.Context())
		steps, most := 0, 0
		err := Run(ctx, l, Config{CPU: 120}, slog.New(slog.DiscardHandler), func(s Step) {
			most = max(most, s.Used)
			if steps++; steps == 10 {
				cancel()
			}
		})
		if err != nil || most > 120 {
			t.Errorf("%d of a use of 100, %v", most, err)
		}
	})
}

// TestRunWithoutBudget sets the least rate and no other.
func TestRunWithoutBudget(t *testing.T) {
	for _, least := range []uint32{0, 1, 7} {
		m := &meter{full: 4}
		steps := make(chan Step)
		stop := start(m, Config{Least: least}, slog.New(slog.DiscardHandler), func(s Step) {
			select {
			case steps <- s:
			default:
			}
		})
		for range 3 {
			if s := <-steps; s.Rate != max(least, 1) {
				t.Errorf("least %d: %+v", least, s)
			}
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
		if want := min(int(least)/2, 1); len(m.asked) != want {
			t.Errorf("least %d: asked for %v", least, m.asked)
		}
	}
}

// TestRunRefused has a source that refuses keep its rate, be asked again, and
// the log tell it once.
func TestRunRefused(t *testing.T) {
	var out proctest.Buffer
	m := &meter{full: 1, fail: errors.New("no memory for filters")}
	var mu sync.Mutex
	wrong := false
	stop := start(m, Config{CPU: 50}, slog.New(slog.NewTextHandler(&out, nil)), func(s Step) {
		mu.Lock()
		wrong = wrong || s.Rate > 1 && m.now() <= 1
		mu.Unlock()
	})
	asked := func() int { m.mu.Lock(); defer m.mu.Unlock(); return len(m.asked) }
	until(t, "it was asked again", func() bool { return asked() >= 3 })
	m.set(func() { m.fail = nil })
	until(t, "it samples", func() bool { return m.now() > 1 })
	if err := stop(); err != nil {
		t.Error(err)
	}
	if n := strings.Count(out.String(), "no memory for filters"); n != 1 || wrong {
		t.Errorf("told %d times, a rate that is not in force: %v", n, wrong)
	}
}

func TestRunRefusesNonsense(t *testing.T) {
	if err := Run(t.Context(), &meter{}, Config{CPU: -5}, slog.Default(), nil); err == nil {
		t.Error("no error")
	}
}
