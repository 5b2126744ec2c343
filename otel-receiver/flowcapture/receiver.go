package flowcapture

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.uber.org/zap"

	"github.com/skein-net/skein/internal/flowrecord/otlplog"
	"github.com/skein-net/skein/internal/version"
	"github.com/skein-net/skein/otel-receiver/flowcapture/internal/metadata"
	"github.com/skein-net/skein/otel-receiver/orders"
	"github.com/skein-net/skein/otel-receiver/rawpackets"
)

// flowReceiver is one configuration at work, for one pipeline of logs, one of
// metrics, or both.
type flowReceiver struct {
	cfg     *Config
	set     receiver.Settings
	logs    consumer.Logs
	metrics consumer.Metrics
	forget  func()
	obs     *receiverhelper.ObsReport
	status  *status
	now     func() time.Time
	// newOpener makes the seam to the sources; tests put their own here.
	newOpener func(HostConfig) opener
	// newGround makes what captures by order stand on.
	newGround func(HostConfig) (ground, error)

	mu       sync.Mutex
	started  bool
	stopped  bool
	host     HostConfig
	captures []*capture
	series   *seriesSet
	aids     []aid
	notes    []note
	// orders, session and raw are nil when nobody orders captures.
	orders  *orderSet
	session *orders.Session
	raw     *rawpackets.Registry
	queue   *queue
	sender  *sender
	builder *metadata.TelemetryBuilder
	// soft ends the captures, hard also what waits for the pipeline; done is
	// closed when all goroutines have ended.
	soft, hard context.CancelFunc
	done       chan struct{}
}

func newReceiver(cfg *Config, set receiver.Settings) (*flowReceiver, error) {
	obs, err := receiverhelper.NewObsReport(receiverhelper.ObsReportSettings{
		ReceiverID: set.ID, Transport: "packets", LongLivedCtx: true, ReceiverCreateSettings: set,
	})
	if err != nil {
		return nil, fmt.Errorf("make telemetry of the receiver: %w", err)
	}
	r := &flowReceiver{cfg: cfg, set: set, obs: obs, status: newStatus(set.Logger), now: time.Now, forget: func() {}}
	r.newOpener = func(h HostConfig) opener { return newSources(h, cfg.UpdateInterval, set.Logger) }
	r.newGround = func(h HostConfig) (ground, error) {
		return newHostGround(newSources(h, cfg.UpdateInterval, set.Logger))
	}
	return r, nil
}

// Start implements [component.Component]. It opens nothing itself: what cannot
// be opened is tried again, and told by the component's status.
func (r *flowReceiver) Start(_ context.Context, host component.Host) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status.addHost(host)
	if r.started {
		return nil
	}
	id, err := identity(r.cfg.Host, "/", os.Hostname)
	if err != nil {
		return err
	}
	r.host = id
	soft, cancelSoft := context.WithCancel(context.Background())
	hard, cancelHard := context.WithCancel(context.Background())
	if err := r.build(hard); err != nil {
		cancelSoft()
		cancelHard()
		return err
	}
	if err := r.startAids(hard); err != nil {
		r.builder.Shutdown()
		cancelSoft()
		cancelHard()
		return err
	}
	r.started, r.soft, r.hard, r.done = true, cancelSoft, cancelHard, make(chan struct{})
	r.run(soft, hard)
	if r.session != nil {
		return r.session.Start(soft)
	}
	return nil
}

// build makes everything that runs.
func (r *flowReceiver) build(hard context.Context) error {
	open := r.newOpener(r.host)
	r.buildAids()
	if r.logs != nil {
		q := newQueue(r.cfg.Queue.Size, r.cfg.Queue.Batch)
		r.queue = q
		r.sender = &sender{
			queue: q, delay: r.cfg.Queue.Delay, consumer: r.logs, resource: r.newLogs,
			encoder: otlplog.NewEncoder(), obs: r.obs, log: r.set.Logger, now: r.now,
		}
	}
	r.captures, r.series = nil, newSeriesSet(&r.cfg.Metrics, r.now)
	for i := range r.cfg.Captures {
		cc := r.cfg.Captures[i]
		cc.fit()
		c, err := r.newCapture(hard, cc, r.status, 0)
		if err != nil {
			return err
		}
		c.open = open
		r.captures = append(r.captures, c)
	}
	if err := r.buildOrders(hard); err != nil {
		return err
	}
	builder, err := metadata.NewTelemetryBuilder(r.set.TelemetrySettings)
	if err != nil {
		return fmt.Errorf("make telemetry: %w", err)
	}
	r.builder = builder
	if err := r.observe(); err != nil {
		builder.Shutdown()
		return fmt.Errorf("make telemetry: %w", err)
	}
	return nil
}

// newCapture makes a capture without what it stands on. keep is how many packets
// of each flow its keeper gets.
func (r *flowReceiver) newCapture(hard context.Context, cc CaptureConfig, st *status, keep int) (*capture, error) {
	tables, err := newKeepingTables(r.cfg, &cc, keep)
	if err != nil {
		return nil, fmt.Errorf("capture %s: %w", cc.name(), err)
	}
	c := &capture{
		cfg: cc, name: cc.name(), tables: tables, queue: r.queue, hard: hard, status: st,
		taps: make(map[string]*tap), gone: make(map[string]totals), notes: r.notes,
	}
	if r.metrics != nil {
		c.series = r.series.get(c.name)
	}
	return c, nil
}

// run starts the goroutines. The captures end with soft, and what comes behind
// them when they have ended.
func (r *flowReceiver) run(soft, hard context.Context) {
	var sources, sinks sync.WaitGroup
	for _, c := range r.captures {
		sources.Go(func() { c.run(soft) })
	}
	if r.orders != nil {
		sources.Go(func() { r.orders.run(soft) })
	}
	stop := make(chan struct{})
	if r.sender != nil {
		sinks.Go(func() { r.sender.run(hard) })
	}
	if r.metrics != nil {
		m := &meter{
			names: r.cfg.Metrics.Names, interval: r.cfg.UpdateInterval, series: r.series, consumer: r.metrics,
			resource: r.putResource, scope: putScope, obs: r.obs, log: r.set.Logger, now: r.now,
		}
		sinks.Go(func() { m.run(hard, stop) })
	}
	done, queue := r.done, r.queue
	go func() {
		sources.Wait()
		if queue != nil {
			queue.close()
		}
		close(stop)
		sinks.Wait()
		close(done)
	}()
}

// grace is how long what was told to give up at once may take for it.
const grace = 2 * time.Second

// Shutdown implements [component.Component]: the captures end, all flows are
// reported as stopped, and what is in the queue is sent. When ctx ends before,
// the rest is lost, counted, and told by the error.
func (r *flowReceiver) Shutdown(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget()
	if !r.started || r.stopped {
		return nil
	}
	r.stopped = true
	defer r.hard()
	defer r.stopAids()
	defer r.builder.Shutdown()
	if r.session != nil {
		// What it orders while the captures end is not followed any more. A disk that
		// hangs must not cost the last flows.
		limited, cancel := context.WithTimeout(ctx, grace)
		if err := r.session.Stop(limited); err != nil {
			r.set.Logger.Warn("The session with topologyd does not end", zap.Error(err))
		}
		cancel()
	}
	r.soft()
	select {
	case <-r.done:
		return nil
	case <-ctx.Done():
	}
	r.hard()
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-r.done:
	case <-timer.C:
		return errors.Join(ctx.Err(), errors.New("the pipeline or a source does not end; gave up waiting for it"))
	}
	if r.queue != nil {
		if lost := r.queue.late.Load(); lost > 0 {
			return fmt.Errorf("send the last flow records: %w: %d are lost", ctx.Err(), lost)
		}
	}
	return nil
}

// putResource writes whose packets these are.
func (r *flowReceiver) putResource(to pcommon.Resource) {
	to.Attributes().PutStr("host.id", r.host.ID)
	to.Attributes().PutStr("host.name", r.host.Name)
}

func putScope(to pcommon.InstrumentationScope) {
	to.SetName(metadata.ScopeName)
	to.SetVersion(version.String())
}

// newLogs makes the frame of one batch.
func (r *flowReceiver) newLogs() (plog.Logs, plog.LogRecordSlice) {
	logs := plog.NewLogs()
	rl := logs.ResourceLogs().AppendEmpty()
	r.putResource(rl.Resource())
	sl := rl.ScopeLogs().AppendEmpty()
	putScope(sl.Scope())
	return logs, sl.LogRecords()
}
