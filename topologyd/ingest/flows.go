package ingest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"

	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/internal/flowrecord/otlplog"
	"github.com/skein-net/skein/topologyd/engine"
	"github.com/skein-net/skein/topologyd/flows"
)

const (
	// flowBatch is how many flow records are given to the sink at a time.
	flowBatch = 1000
	// flowsAtOnce is how many requests may wait for the sink at the same time,
	// fewer than there are slots: a store that hangs must not keep entity events
	// out. Others are told to try again after flowPatience.
	flowsAtOnce  = 8
	flowPatience = 200 * time.Millisecond
	// flowTimeout is how long the sink may take for one batch.
	flowTimeout = 20 * time.Second
	// seriesAtOnce is how many requests may wait for counters to be kept, and
	// seriesTimeout how long; the counters of others are dropped.
	seriesAtOnce  = 4
	seriesTimeout = time.Second
)

// countFlows returns how many log records say that they are flow records.
func countFlows(logs plog.Logs) (n int) {
	for _, rl := range logs.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, r := range sl.LogRecords().All() {
				if otlplog.IsFlow(r) {
					n++
				}
			}
		}
	}
	return n
}

// takeFlows stores the flow records among log records. After an error some may
// be stored; they are known again when the sender repeats the request.
func (in *Ingest) takeFlows(ctx context.Context, protocol string, logs plog.Logs, bad *invalid) error {
	if !in.flowSlots.Acquire(ctx, flowPatience) {
		return flows.ErrBusy
	}
	defer in.flowSlots.Release()
	batch := in.reportBatch()
	defer in.freeReports(batch)
	var failed error
	who := in.claimsOf(ctx)
	flush := func() {
		if failed == nil && len(*batch) > 0 {
			failed = in.giveFlows(ctx, protocol, &who, *batch, bad)
		}
		*batch = (*batch)[:0]
	}
	_, invalid, first := in.decoder.Decode(logs, func(r *flowrecord.Record) {
		*batch = append(*batch, *r)
		if len(*batch) >= flowBatch {
			flush()
		}
	})
	flush()
	in.n.reject(protocol, reasonInvalidFlow, invalid)
	bad.add(invalid, "flow records", first)
	return failed
}

// takeFlowBytes is takeFlows for a request in protobuf that holds nothing else.
// handled is false when it is not one, and nothing was done.
func (in *Ingest) takeFlowBytes(ctx context.Context, protocol string, data []byte) (resp plogotlp.ExportResponse, handled bool, err error) {
	resp = plogotlp.NewExportResponse()
	if in.flows == nil {
		return resp, false, nil
	}
	w, ok := in.wires.Get().(*flowWire)
	if !ok {
		w = newFlowWire(in.decoder)
	}
	defer func() {
		w.reset()
		in.wires.Put(w)
	}()
	if w.request(data) != nil || w.number == 0 {
		return resp, false, nil
	}
	if !in.flowSlots.Acquire(ctx, flowPatience) {
		return resp, true, flows.ErrBusy
	}
	defer in.flowSlots.Release()
	var bad invalid
	who := in.claimsOf(ctx)
	for batch := range slices.Chunk(w.records, flowBatch) {
		if err := in.giveFlows(ctx, protocol, &who, batch, &bad); err != nil {
			return resp, true, err
		}
	}
	in.n.reject(protocol, reasonInvalidFlow, w.invalid)
	bad.add(w.invalid, "flow records", w.first)
	bad.tell(resp)
	return resp, true, nil
}

// giveFlows gives what the sender may say of a batch to the sink, for a limited
// time.
func (in *Ingest) giveFlows(ctx context.Context, protocol string, who *claims, batch []flowrecord.Record, bad *invalid) error {
	all := len(batch)
	batch, foreign := who.flows(batch)
	if n := all - len(batch); n > 0 {
		in.foreign(who, protocol, n, foreign)
		bad.add(n, "flow records", foreign)
	}
	if len(batch) == 0 {
		return nil
	}
	if err := who.mayRecord(); err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, in.flowTimeout)
	defer cancel()
	t, err := in.flows.Take(limited, batch)
	switch {
	case err != nil && limited.Err() != nil && ctx.Err() == nil:
		return fmt.Errorf("take flow records: %w: no answer within %v", flows.ErrStore, in.flowTimeout)
	case err != nil:
		return fmt.Errorf("take flow records: %w", err)
	}
	who.recorded(len(batch))
	in.n.taken(protocol, &t)
	in.n.reject(protocol, reasonInvalidFlow, t.Invalid)
	bad.add(t.Invalid, "flow records", t.Reason)
	return nil
}

func (in *Ingest) reportBatch() *[]flowrecord.Record {
	if b, ok := in.reports.Get().(*[]flowrecord.Record); ok {
		return b
	}
	b := make([]flowrecord.Record, 0, flowBatch)
	return &b
}

func (in *Ingest) freeReports(b *[]flowrecord.Record) {
	clear((*b)[:cap(*b)])
	*b = (*b)[:0]
	in.reports.Put(b)
}

// keepSeries keeps counters over time. That they cannot be kept, or not soon, is
// no reason to refuse a request or to have it wait: the newest are noted, and
// the sources say new ones soon.
func (in *Ingest) keepSeries(ctx context.Context, protocol string, ms []engine.Metric) {
	if in.series == nil {
		return
	}
	err := flows.ErrBusy
	if in.seriesSlots.Acquire(ctx, 0) {
		limited, cancel := context.WithTimeout(ctx, seriesTimeout)
		err = in.series.WriteCounters(limited, ms)
		cancel()
		in.seriesSlots.Release()
	}
	if err != nil {
		in.n.series.WithLabelValues(protocol, "dropped").Add(float64(len(ms)))
		in.log.Debug("cannot keep counters of interfaces", "count", len(ms), "error", err)
		return
	}
	in.n.series.WithLabelValues(protocol, "stored").Add(float64(len(ms)))
}
