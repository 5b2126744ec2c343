package report

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/agent"
	"github.com/influxdata/telegraf/models"
	"github.com/influxdata/telegraf/testutil"
	"github.com/stretchr/testify/require"
)

// receiver is an output that keeps which entities it was sent. It fails while
// down.
type receiver struct {
	mu   sync.Mutex
	down bool
	seen map[string]bool
}

func (*receiver) SampleConfig() string { return "" }
func (*receiver) Connect() error       { return nil }
func (*receiver) Close() error         { return nil }
func (o *receiver) Write(metrics []telegraf.Metric) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.down {
		return errors.New("down")
	}
	for _, m := range metrics {
		id, _ := m.GetTag("entity")
		o.seen[id] = true
	}
	return nil
}

func (o *receiver) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.seen)
}

// runOutputs does what the agent does with its outputs: the last one gets the
// metric itself, the others a copy; each is flushed every 100 ms and whenever
// a batch is full.
func runOutputs(ch <-chan telegraf.Metric, outputs []*models.RunningOutput) {
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for _, o := range outputs {
		wg.Go(func() {
			tick := time.NewTicker(100 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-stop:
					return
				case <-tick.C:
					_ = o.Write() // the output counts and keeps what failed
				case <-o.BatchReady:
					_ = o.WriteBatch()
				}
			}
		})
	}
	for m := range ch {
		for i, o := range outputs {
			if i == len(outputs)-1 {
				o.AddMetricNoCopy(m)
			} else {
				o.AddMetric(m)
			}
		}
	}
	close(stop)
	wg.Wait()
}

// TestFirstReportPassesEveryBuffer sends a large first report through
// Telegraf's own buffers of several sizes, over one and over two outputs, one
// of which is down at first.
func TestFirstReportPassesEveryBuffer(t *testing.T) {
	for _, tc := range []struct{ entities, batch, limit, outputs int }{
		{50_000, 5000, 200_000, 1},
		{50_000, 1000, 10_000, 1},
		{50_000, 1000, 2_000, 2},
		{5_000, 100, 200, 1},
		{200, 1, 2, 1},
	} {
		t.Run(fmt.Sprintf("%d entities, batch %d, limit %d, outputs %d", tc.entities, tc.batch, tc.limit, tc.outputs), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { passes(t, tc.entities, tc.batch, tc.limit, tc.outputs) })
		})
	}
}

func passes(t *testing.T, entities, batch, limit, outputs int) {
	var receivers []*receiver
	var running []*models.RunningOutput
	for i := range outputs {
		o := &receiver{seen: make(map[string]bool), down: i > 0}
		ro, err := models.NewRunningOutput(o, &models.OutputConfig{Name: "test", ID: fmt.Sprint(t.Name(), i)}, batch, limit)
		require.NoError(t, err)
		require.NoError(t, ro.Connect())
		receivers, running = append(receivers, o), append(running, ro)
	}
	ch := make(chan telegraf.Metric, 100)
	var wg sync.WaitGroup
	wg.Go(func() { runOutputs(ch, running) })

	r, err := New(testConfig(), agent.NewAccumulator(maker{testutil.Logger{}}, ch), testutil.Logger{})
	require.NoError(t, err)
	r.Start(t.Context())
	begin := time.Now()
	for i := range entities {
		r.Set(event(i, "x"))
	}
	if outputs > 1 {
		time.Sleep(20 * time.Second)
	}
	for _, o := range receivers {
		o.mu.Lock()
		o.down = false
		o.mu.Unlock()
	}
	for _, o := range receivers {
		for o.count() < entities && time.Since(begin) < 10*time.Minute {
			time.Sleep(100 * time.Millisecond)
		}
		require.Equal(t, entities, o.count())
	}
	t.Logf("all there after %v, %d rejected on the way", time.Since(begin), r.stats.rejected.Get())
	r.Stop()
	close(ch)
	wg.Wait()
}
