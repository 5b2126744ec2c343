package plugin

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/skein-net/skein/grafana-datasource/pkg/frames"
	"github.com/skein-net/skein/grafana-datasource/pkg/query"
	"github.com/skein-net/skein/topologyd/client"
)

// timeSeries answers a query for a time series.
func (d *Datasource) timeSeries(ctx context.Context, a *ask) (data.Frames, error) {
	switch a.Series {
	case query.SeriesFlows:
		return d.flowSeries(ctx, a)
	case query.SeriesInterface:
		return d.interfaceSeries(ctx, a)
	default:
		return d.gremlinSeries(ctx, a)
	}
}

// span is what time series are made of: from a multiple of the step to the end
// of the range, in whole seconds.
func (a *ask) span() (base, end time.Time, step time.Duration) {
	end = a.Range.End(a.now)
	step = query.Step(query.Range{From: a.Range.From, To: end}, a.Interval, a.Points)
	base = a.Range.From.UTC().Truncate(step)
	end = end.UTC().Truncate(time.Second)
	if !end.After(base) {
		end = base.Add(step)
	}
	return base, end, step
}

func (a *ask) options(base time.Time, step time.Duration) frames.SeriesOptions {
	return frames.SeriesOptions{Base: base, Step: step, Rate: a.PerSecond(), Limit: int(a.Limit), Legend: a.Legend}
}

func (d *Datasource) flowSeries(ctx context.Context, a *ask) (data.Frames, error) {
	base, end, step := a.span()
	step = flowStep(end.Sub(base), step)
	hosts := func() frames.Hosts { return nil }
	if byHost(a.By) {
		hosts = d.hostsLater(ctx, a.Range.Moment(a.now))
	}
	s, err := d.client.FlowSeries(ctx, client.FlowSeriesQuery{
		FlowFilter: a.Filter.Flows(), From: query.Stamp(a.Range.From), To: a.Range.Moment(a.now),
		By: a.By, Metric: a.Metric, Step: fmt.Sprintf("%ds", int64(step/time.Second)), Limit: int(a.Limit),
	})
	if err != nil {
		return nil, err
	}
	out := frames.FlowSeries(s, hosts(), a.options(s.Start, step))
	if s.Others != nil {
		frames.Note(out, "The %d largest are shown, the rest is in others: raise the limit to see more.", len(s.Series))
	}
	return out, nil
}

// longFlows is the time from which on flows are summed by whole minutes, which
// topologyd keeps ready: shorter steps over so long would read every report.
const longFlows = 15 * time.Minute

// flowStep is the step of a series of flows.
func flowStep(length, step time.Duration) time.Duration {
	if length <= longFlows {
		return step
	}
	return (step + time.Minute - 1).Truncate(time.Minute)
}

// interfaceSeries answers a query for counters of interfaces: what the nodes of
// a query have counted in each step.
func (d *Datasource) interfaceSeries(ctx context.Context, a *ask) (data.Frames, error) {
	v, err := d.check(ctx, a.Gremlin)
	if err != nil {
		return nil, err
	}
	if v.Kind != client.KindNodes {
		return nil, wrongQuery(fmt.Errorf("interfaces are nodes, but the query gives %s: end it with a step that gives nodes, or choose the series Gremlin", v.Kind))
	}
	base, end, step := a.span()
	text := a.Gremlin
	if !v.Travels {
		text, _ = query.Within(text, end, end.Sub(base))
	}
	text = query.Then(text, fmt.Sprintf("Metrics().Aggregates(%d, '@ID')", int64(step/time.Second)))
	r, err := d.client.Query(ctx, client.Query{Gremlin: text, Limits: d.limits()})
	if err != nil {
		return nil, shift(err, a.Gremlin, text)
	}
	all, total := frames.Largest(frames.ParseCounted(r.Values), a.Fields, int(a.Limit))
	names, err := d.names(ctx, all, end, end.Sub(base))
	if err != nil {
		return nil, err
	}
	out := frames.CountedSeries(all, a.Fields, func(c *frames.Counted) data.Labels { return names[c.Name] }, a.options(base, step))
	frames.SeriesLeftOut(out, len(all), total)
	for _, f := range out {
		f.Meta.ExecutedQueryString = text
	}
	return out, nil
}

// names asks for the labels of nodes by their IDs.
func (d *Datasource) names(ctx context.Context, all []frames.Counted, end time.Time, length time.Duration) (map[string]data.Labels, error) {
	out := make(map[string]data.Labels, len(all))
	if len(all) == 0 {
		return out, nil
	}
	ids := make([]string, len(all))
	for i := range all {
		ids[i] = query.Quote(all[i].Name)
		out[all[i].Name] = data.Labels{"ID": all[i].Name, "Name": all[i].Name, "Host": "", "Type": ""}
	}
	hosts := d.hostsLater(ctx, "")
	text, _ := query.Within("G.V().Has('@ID', WITHIN("+strings.Join(ids, ", ")+")).Dedup().ValueMap('@ID', '@Host', 'Name', 'Type')", end, length)
	r, err := d.client.Query(ctx, client.Query{Gremlin: text, Limits: d.limits()})
	if err != nil {
		return nil, err
	}
	h := hosts()
	for _, v := range r.Values {
		m := v.Map()
		l := out[m.Get("@ID").Str()]
		if l == nil {
			continue
		}
		if name := m.Get("Name").Str(); name != "" {
			l["Name"] = name
		}
		l["Type"], l["Host"] = m.Get("Type").Str(), m.Get("@Host").Str()
		if name := h[l["Host"]]; name != "" {
			l["Host"] = name
		}
	}
	return out, nil
}

// check asks whether a text is a query, and of what kind its answer is.
func (d *Datasource) check(ctx context.Context, text string) (*client.Verdict, error) {
	v, err := d.client.Check(ctx, text)
	if err != nil {
		return nil, err
	}
	if !v.OK {
		if v.Error == nil {
			return nil, wrongQuery(fmt.Errorf("topologyd does not take the query, and does not say why"))
		}
		v.Error.Status = 400
		return nil, v.Error
	}
	return v, nil
}

// gremlinSeries answers a query that ends in metrics or in a number.
func (d *Datasource) gremlinSeries(ctx context.Context, a *ask) (data.Frames, error) {
	v, err := d.check(ctx, a.Gremlin)
	if err != nil {
		return nil, err
	}
	switch v.Kind {
	case client.KindMetrics:
		return d.metricSeries(ctx, a, v.Travels)
	case client.KindNumber:
		return d.numberSeries(ctx, a, v.Travels)
	}
	return nil, wrongQuery(fmt.Errorf("a time series is made of metrics or of a number, but the query gives %s: end it with Metrics(), Aggregates(), Count() or Sum('key')", v.Kind))
}

// metricSeries draws what a query has counted: one series for each thing that it
// tells apart and each counter.
func (d *Datasource) metricSeries(ctx context.Context, a *ask, travels bool) (data.Frames, error) {
	base, end, step := a.span()
	text := a.Gremlin
	if !travels {
		text, _ = query.Within(text, end, end.Sub(base))
	}
	r, err := d.client.Query(ctx, client.Query{Gremlin: text, Limits: d.limits()})
	if err != nil {
		return nil, shift(err, a.Gremlin, text)
	}
	counted := frames.ParseCounted(r.Values)
	fields := []string(a.Fields)
	if len(fields) == 0 {
		fields = frames.CountedFields(counted)
		fields = fields[:min(len(fields), 32)]
	}
	all, total := frames.Largest(counted, fields, int(a.Limit))
	out := frames.CountedSeries(all, fields, func(c *frames.Counted) data.Labels { return data.Labels{"Name": c.Name} }, a.options(base, own(all, step)))
	frames.SeriesLeftOut(out, len(all), total)
	return out, nil
}

// own is the step of metrics, which the query itself may have set: the most
// common length, else the usual one.
func own(all []frames.Counted, usual time.Duration) time.Duration {
	lengths := map[int64]int{}
	most := int64(0)
	for i := range all {
		for _, s := range all[i].Steps {
			if l := s.Get("Last").Int() - s.Get("Start").Int(); l > 0 {
				if lengths[l]++; most == 0 || lengths[l] > lengths[most] {
					most = l
				}
			}
		}
	}
	if most == 0 {
		return usual
	}
	return time.Duration(most) * time.Millisecond
}

// moments is at how many times a query for a number is asked: each may have to
// read the past.
const moments = 20

// numberSeries asks for a number at several times of the range; an alert rule,
// and a query that goes to a time of its own, is answered for its end only.
func (d *Datasource) numberSeries(ctx context.Context, a *ask, travels bool) (data.Frames, error) {
	_, end, _ := a.span()
	n := moments
	if a.Points > 0 {
		n = int(min(int64(n), max(a.Points, 1)))
	}
	if a.Alert || travels || n < 2 {
		n = 1
	}
	times, values, errs := make([]time.Time, n), make([]*float64, n), make([]error, n)
	var wg sync.WaitGroup
	places := make(chan struct{}, 2)
	for i := range n {
		times[i] = end.Add(-time.Duration(n-1-i) * end.Sub(a.Range.From) / time.Duration(max(n-1, 1)))
		at := query.Stamp(times[i])
		if i == n-1 {
			at = a.Range.Moment(a.now)
		}
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			values[i], errs[i] = d.number(ctx, a.Gremlin, at)
		})
	}
	wg.Wait()
	if errs[n-1] != nil {
		return nil, errs[n-1]
	}
	f := frames.NumberSeries(times, values, "Value", a.options(end, 0))
	f.Meta.ExecutedQueryString = a.Gremlin
	out := data.Frames{f}
	for i := n - 2; i >= 0; i-- {
		if errs[i] != nil {
			frames.Warn(out, "Not all times could be asked about: %s", d.settings.explain(errs[i]).message)
			break
		}
	}
	return out, nil
}

func (d *Datasource) number(ctx context.Context, text, at string) (*float64, error) {
	r, err := d.client.Query(ctx, client.Query{Gremlin: text, At: at, Limits: d.limits()})
	if err != nil {
		return nil, err
	}
	if !r.Number.IsNumber() {
		return nil, nil
	}
	v := r.Number.Float()
	return &v, nil
}
