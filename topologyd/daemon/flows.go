package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"os"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/topologyd/client"
	"github.com/skein-net/skein/topologyd/config"
	"github.com/skein-net/skein/topologyd/engine"
	"github.com/skein-net/skein/topologyd/flows"
	"github.com/skein-net/skein/topologyd/flowstore"
	"github.com/skein-net/skein/topologyd/gremlin"
)

// flowParts are what keeps flows; nil when nothing does.
type flowParts struct {
	store flowStore
	flows *flows.Flows
}

// newFlows makes what keeps flows, if anything does. It reads the files with
// secrets and certificates.
func newFlows(c *config.Config, log *slog.Logger) (*flowParts, error) {
	if !c.Flows.Keep {
		return nil, nil
	}
	sc, err := flowStoreConfig(c)
	if err != nil {
		return nil, err
	}
	store, err := flowstore.New(sc, log.With("part", "flowstore"))
	if err != nil {
		return nil, fmt.Errorf("set up flow store: %w", err)
	}
	p := &flowParts{store: flowStore{store}}
	fc := flows.DefaultConfig()
	fc.Max, fc.Oldest, fc.Shared = c.Flows.LiveMax, c.Flows.RetentionAge, c.Flows.URL != ""
	if p.flows, err = flows.New(fc, p.store, nil); err != nil {
		return nil, err
	}
	return p, nil
}

func flowStoreConfig(c *config.Config) (flowstore.Config, error) {
	x := &c.Flows
	s := flowstore.DefaultConfig()
	s.RetentionAge, s.RetentionBytes = x.RetentionAge, int64(x.RetentionBytes)
	s.QueryTimeout = max(c.Query.Timeout, 0)
	if x.URL == "" {
		s.Dir = c.FlowDir()
		return s, nil
	}
	s.URL, s.Remote.User = x.URL, x.User
	var err error
	if s.Remote.AccountID, s.Remote.ProjectID, err = x.TenantIDs(); err != nil {
		return s, fmt.Errorf("--flow-store-tenant: %w", err)
	}
	for _, f := range []struct {
		flag, file string
		to         *string
	}{
		{"flow-store-password-file", x.PasswordFile, &s.Remote.Password},
		{"flow-store-token-file", x.TokenFile, &s.Remote.Token},
	} {
		if f.file == "" {
			continue
		}
		b, err := os.ReadFile(f.file)
		if err != nil {
			return s, fmt.Errorf("--%s: %w", f.flag, err)
		}
		*f.to = string(bytes.TrimSpace(b))
	}
	tls := client.TLSOptions{CAFile: x.CA, CertFile: x.Cert, KeyFile: x.Key}
	if s.Remote.TLS, err = tls.Config(); err != nil {
		return s, fmt.Errorf("TLS to --flow-store-url: %w", err)
	}
	return s, nil
}

// start opens the store.
func (p *flowParts) start(ctx context.Context) error {
	if p == nil {
		return nil
	}
	if err := p.store.Start(ctx); err != nil {
		return err
	}
	p.flows.Start()
	return nil
}

// stop ends what start began; what was taken is written to disk.
func (p *flowParts) stop() {
	if p == nil {
		return
	}
	p.flows.Stop()
	p.store.Stop()
}

// flowStore is the store as package flows and ingest use it.
type flowStore struct{ *flowstore.Store }

// known puts errors of the store into words of package flows.
func known(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, flowstore.ErrTooMuch):
		return fmt.Errorf("%w: %w", flows.ErrTooMuch, err)
	case errors.Is(err, flowstore.ErrStopped):
		return fmt.Errorf("%w: %w", flows.ErrStopped, err)
	case errors.Is(err, flowstore.ErrInexact), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	default:
		return fmt.Errorf("%w: %w", flows.ErrStore, err)
	}
}

// Write implements [flows.Store].
func (s flowStore) Write(ctx context.Context, reports []flowrecord.Record) error {
	return known(s.Store.Write(ctx, reports))
}

// Flows implements [flows.Store].
func (s flowStore) Flows(ctx context.Context, q *flowrecord.Query) iter.Seq2[*flowrecord.Record, error] {
	return each(s.Store.Flows(ctx, q), func(r *flowrecord.Record) *flowrecord.Record { return r })
}

// Updates implements [flows.Store].
func (s flowStore) Updates(ctx context.Context, ids []flowrecord.ID, from, to int64) iter.Seq2[flowrecord.Update, error] {
	// The store knows a report by the time of its end: one that speaks of the
	// window's end may come up to an interval later.
	late := max(to, to+int64(flowstore.DefaultConfig().ReportInterval))
	return func(yield func(flowrecord.Update, error) bool) {
		for u, err := range s.Store.Updates(ctx, ids, from, late) {
			if err != nil {
				yield(u, known(err))
				return
			}
			if u.Metric.Start <= to && !yield(u, nil) {
				return
			}
		}
	}
}

// Counters implements [flows.Store].
func (s flowStore) Counters(ctx context.Context, nodes []entity.UUID, from, to int64) iter.Seq2[gremlin.Counters, error] {
	return each(s.Store.Counters(ctx, nodes, from, to), func(c flowstore.Counters) gremlin.Counters { return gremlin.Counters(c) })
}

// Top implements [flows.Store].
func (s flowStore) Top(ctx context.Context, q *flows.TopQuery) ([]flows.TopRow, error) {
	rows, err := s.Store.Top(ctx, topQuery(q))
	if err != nil {
		return nil, known(err)
	}
	out := make([]flows.TopRow, len(rows))
	for i := range rows {
		out[i] = topRow(q, &rows[i])
	}
	return out, nil
}

// Series implements [flows.Store].
func (s flowStore) Series(ctx context.Context, q *flows.SeriesQuery) (*flows.Series, error) {
	found, err := s.Store.Series(ctx, flowstore.SeriesQuery{TopQuery: topQuery(&q.TopQuery), Step: q.Step})
	if err != nil {
		return nil, known(err)
	}
	out := &flows.Series{Others: found.Others}
	for i := range found.Rows {
		r := &found.Rows[i]
		out.Rows = append(out.Rows, flows.SeriesRow{TopRow: topRow(&q.TopQuery, &r.Row), Points: r.Points})
	}
	return out, nil
}

func topQuery(q *flows.TopQuery) flowstore.TopQuery {
	return flowstore.TopQuery{By: q.By, Metric: q.Metric, From: q.From, To: q.To, Nodes: q.Nodes, Where: q.Where, Limit: q.Limit}
}

func topRow(q *flows.TopQuery, r *flowstore.Row) flows.TopRow {
	out := flows.TopRow{Value: r.Value}
	for i, v := range r.By {
		out.Key = append(out.Key, entity.A(q.By[i], v))
	}
	out.Key = out.Key.Normalize()
	return out
}

// WriteCounters implements [ingest.SeriesSink].
func (s flowStore) WriteCounters(ctx context.Context, ms []engine.Metric) error {
	cs := make([]flowstore.Counters, len(ms))
	for i := range ms {
		cs[i] = flowstore.Counters{Node: ms[i].Node, Time: ms[i].Time.UnixNano(), Values: ms[i].Values}
	}
	return known(s.Store.WriteCounters(ctx, cs))
}

// each converts what a store yields.
func each[A, B any](in iter.Seq2[A, error], convert func(A) B) iter.Seq2[B, error] {
	return func(yield func(B, error) bool) {
		for a, err := range in {
			if err != nil {
				var none B
				yield(none, known(err))
				return
			}
			if !yield(convert(a), nil) {
				return
			}
		}
	}
}
