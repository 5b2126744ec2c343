package plugin

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/skein-net/skein/grafana-datasource/pkg/query"
)

// parallel is how many queries of one request run at the same time: topologyd
// has few places for queries, and other panels want some, too.
const parallel = 4

// ask is one query with what it needs to know.
type ask struct {
	*query.Query
	// Range is that of the dashboard, now the time at which the request came.
	Range query.Range
	now   time.Time
	// Interval and Points are what Grafana proposes for time series.
	Interval time.Duration
	Points   int64
	// Alert tells that an alert rule asks.
	Alert bool
}

// QueryData answers all queries of a request. Each has its own error.
func (d *Datasource) QueryData(ctx context.Context, req *backend.QueryDataRequest) (*backend.QueryDataResponse, error) {
	out := backend.NewQueryDataResponse()
	var (
		mu     sync.Mutex
		wg     sync.WaitGroup
		places = make(chan struct{}, parallel)
	)
	alert := req.GetHTTPHeader("FromAlert") != "" || req.Headers["FromAlert"] != ""
	for i := range req.Queries {
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			r := d.answer(ctx, &req.Queries[i], alert)
			mu.Lock()
			defer mu.Unlock()
			out.Responses[req.Queries[i].RefID] = r
		})
	}
	wg.Wait()
	return out, nil
}

// answer answers one query within the time that one may take.
func (d *Datasource) answer(ctx context.Context, in *backend.DataQuery, alert bool) backend.DataResponse {
	// The process serves all data sources: a mistake in one query may not end it.
	var frames data.Frames
	err := guarded(ctx, "query "+in.RefID, func() (err error) {
		frames, err = d.frames(ctx, in, alert)
		return err
	})
	if err != nil {
		p := d.settings.explain(err)
		return backend.DataResponse{Error: p, Status: p.status, ErrorSource: p.source}
	}
	for _, f := range frames {
		f.RefID = in.RefID
	}
	return backend.DataResponse{Frames: frames, Status: backend.StatusOK}
}

// guarded runs what must not take the whole process along, and returns its
// error; a panic is one, and is logged with its stack.
func guarded(ctx context.Context, what string, run func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			backend.Logger.FromContext(ctx).Error("panic", "in", what, "reason", fmt.Sprint(r), "stack", string(debug.Stack()))
			err = &problem{"the data source made a mistake: the log of Grafana says which; report it", backend.StatusInternal, backend.ErrorSourcePlugin}
		}
	}()
	return run()
}

func (d *Datasource) frames(ctx context.Context, in *backend.DataQuery, alert bool) (data.Frames, error) {
	if err := d.usable(); err != nil {
		return nil, err
	}
	a := &ask{
		Range: query.Range{From: in.TimeRange.From, To: in.TimeRange.To}, now: d.now(),
		Interval: in.Interval, Points: in.MaxDataPoints, Alert: alert,
	}
	var err error
	if a.Query, err = query.Parse(typed(in), d.settings.defaults()); err != nil {
		return nil, wrongQuery(err)
	}
	ctx, cancel := context.WithTimeout(ctx, d.settings.Timeout)
	defer cancel()
	switch a.Type {
	case query.TypeTopology:
		return d.topology(ctx, a)
	case query.TypeDiff:
		return d.diff(ctx, a)
	case query.TypeTable:
		return d.table(ctx, a)
	case query.TypeFlows:
		return d.flows(ctx, a)
	case query.TypeTimeSeries:
		return d.timeSeries(ctx, a)
	case query.TypeEvents:
		return d.events(ctx, a)
	case query.TypeStatus:
		return d.status(ctx)
	}
	return nil, wrongQuery(fmt.Errorf("unknown query type %q", a.Type))
}
