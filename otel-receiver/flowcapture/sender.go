package flowcapture

import (
	"context"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.uber.org/zap"

	"github.com/skein-net/skein/internal/flowrecord/otlplog"
)

// format is what ObsReport calls the records.
const format = "flow"

// sender takes flow records from the queue to the pipeline, one batch after the
// other. A pipeline that is slow slows only the sender; one that refuses gets
// the next batch.
type sender struct {
	queue    *queue
	delay    time.Duration
	consumer consumer.Logs
	resource func() (plog.Logs, plog.LogRecordSlice)
	encoder  *otlplog.Encoder
	obs      *receiverhelper.ObsReport
	log      *zap.Logger
	now      func() time.Time

	sent, refused atomic.Uint64
	failing       bool
}

// run sends until the queue has ended. Calls of the consumer get ctx; when it
// ends, what is left is lost and counted.
func (s *sender) run(ctx context.Context) {
	timer := time.NewTimer(s.delay)
	timer.Stop()
	defer timer.Stop()
	due := false
	for !s.queue.ended() {
		select {
		case <-s.queue.ready:
			if !due {
				timer.Reset(s.delay)
			}
			due = true
			s.send(ctx, s.closing())
		case <-timer.C:
			due = false
			s.send(ctx, true)
		}
	}
}

// closing reports whether nothing more will come that a partial batch could
// wait for.
func (s *sender) closing() bool {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	return s.queue.closed
}

func (s *sender) send(ctx context.Context, partial bool) {
	for c := s.queue.take(partial); c != nil; c = s.queue.take(partial) {
		s.batch(ctx, c)
		s.queue.done(c)
	}
}

func (s *sender) batch(ctx context.Context, c *chunk) {
	n := len(c.records)
	if ctx.Err() != nil {
		s.queue.late.Add(uint64(n))
		return
	}
	logs, records := s.resource()
	records.EnsureCapacity(n)
	observed := pcommon.NewTimestampFromTime(s.now())
	for i := range c.records {
		r := records.AppendEmpty()
		r.SetObservedTimestamp(observed)
		s.encoder.Record(&c.records[i], r)
	}
	op := s.obs.StartLogsOp(ctx)
	err := s.consumer.ConsumeLogs(op, logs)
	s.obs.EndLogsOp(op, format, n, err)
	if err == nil {
		s.sent.Add(uint64(n))
		s.failing = false
		return
	}
	s.refused.Add(uint64(n))
	if !s.failing {
		s.failing = true // one line a time of failure, not one a batch
		s.log.Warn("The pipeline refuses flow records", zap.Int("records", n), zap.Error(err))
	}
}
