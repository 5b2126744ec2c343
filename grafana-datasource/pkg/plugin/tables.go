package plugin

import (
	"context"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/skein-net/skein/grafana-datasource/pkg/frames"
	"github.com/skein-net/skein/grafana-datasource/pkg/query"
	"github.com/skein-net/skein/topologyd/client"
)

// limits asks topologyd to stop before the data source gives up.
func (d *Datasource) limits() *client.Limits { return &client.Limits{Timeout: d.settings.Timeout} }

// table answers a query for values.
func (d *Datasource) table(ctx context.Context, a *ask) (data.Frames, error) {
	r, err := d.client.Query(ctx, client.Query{Gremlin: a.Gremlin, At: a.At(a.Range, a.now), Limits: d.limits()})
	if err != nil {
		return nil, err
	}
	f := frames.Table(r, frames.TableOptions{Columns: a.Columns, Flatten: a.Flatten, MaxRows: d.settings.MaxRows})
	f.Meta.ExecutedQueryString = a.Gremlin
	return data.Frames{f}, nil
}

// flows answers a query for flows of the range.
func (d *Datasource) flows(ctx context.Context, a *ask) (data.Frames, error) {
	from, to := query.Stamp(a.Range.From), a.Range.Moment(a.now)
	hosts := func() frames.Hosts { return nil }
	if a.Query.Flows == query.FlowsList || byHost(a.By) {
		hosts = d.hostsLater(ctx, to)
	}
	if a.Query.Flows == query.FlowsList {
		l, err := d.client.Flows(ctx, client.FlowQuery{FlowFilter: a.Filter.Flows(), From: from, To: to, Sort: a.Sort, Order: a.Order, Limit: int(a.Limit)})
		if err != nil {
			return nil, err
		}
		return data.Frames{frames.FlowList(l, hosts(), d.settings.MaxRows)}, nil
	}
	t, err := d.client.TopFlows(ctx, client.TopQuery{FlowFilter: a.Filter.Flows(), From: from, To: to, By: a.By, Metric: a.Metric, Limit: int(a.Limit)})
	if err != nil {
		return nil, err
	}
	if a.Query.Flows == query.FlowsTop {
		return data.Frames{frames.FlowTop(t, hosts())}, nil
	}
	f, err := frames.Sankey(t, hosts())
	if err != nil {
		return nil, wrongQuery(err)
	}
	return data.Frames{f}, nil
}

// byHost tells whether flows are told apart by hosts: interfaces are, too.
func byHost(by string) bool {
	by = strings.ToLower(by)
	return strings.Contains(by, "host") || strings.Contains(by, "interface")
}

// events answers a query for changes of the range.
func (d *Datasource) events(ctx context.Context, a *ask) (data.Frames, error) {
	hosts := d.hostsLater(ctx, a.Range.Moment(a.now))
	l, err := d.client.Changes(ctx, client.ChangesQuery{
		From: query.Stamp(a.Range.From), To: a.Range.Moment(a.now),
		Gremlin: a.Gremlin, Ops: operations(a.Query), Keys: a.Keys, Limit: int(a.Limit),
	})
	if err != nil {
		return nil, err
	}
	return data.Frames{frames.Events(l, hosts(), a.Range.From, d.settings.MaxRows)}, nil
}

// operations are those that a query for events asks for, nil for all.
func operations(q *query.Query) []string {
	ops := []string(q.Ops)
	if len(ops) == 0 {
		if q.What == query.WhatAll {
			return nil
		}
		ops = []string{query.OpAdded, query.OpRemoved, query.OpChanged}
	}
	names := map[string][2]string{
		query.OpAdded:   {client.NodeAdded, client.EdgeAdded},
		query.OpRemoved: {client.NodeDeleted, client.EdgeDeleted},
		query.OpChanged: {client.NodeUpdated, client.EdgeUpdated},
	}
	var out []string
	for _, op := range ops {
		if q.What != query.WhatEdges {
			out = append(out, names[op][0])
		}
		if q.What != query.WhatNodes {
			out = append(out, names[op][1])
		}
	}
	return out
}

// status answers a query for the status.
func (d *Datasource) status(ctx context.Context) (data.Frames, error) {
	s, err := d.client.Status(ctx)
	if err != nil {
		return nil, err
	}
	f, err := frames.Status(s)
	if err != nil {
		return nil, err
	}
	return data.Frames{f}, nil
}

// hostsLater begins to ask for the names of hosts, and returns a function that
// waits for them. Without names there are IDs: an error is no reason to fail.
func (d *Datasource) hostsLater(ctx context.Context, at string) func() frames.Hosts {
	out := make(chan frames.Hosts, 1)
	go func() {
		var h frames.Hosts
		_ = guarded(ctx, "names of hosts", func() (err error) { // see above
			h, err = d.hosts(ctx, at)
			return err
		})
		out <- h
	}()
	return func() frames.Hosts {
		select {
		case h := <-out:
			return h
		case <-ctx.Done():
			return nil
		}
	}
}

// maxHosts bounds the hosts whose names are asked for.
const maxHosts = 20000

// hosts asks for the names of hosts by their host.id.
func (d *Datasource) hosts(ctx context.Context, at string) (frames.Hosts, error) {
	r, err := d.client.Query(ctx, client.Query{
		Gremlin: "G.V().Has('Type', 'host').ValueMap('@Host', 'Name')", At: at,
		Limits: &client.Limits{Timeout: min(d.settings.Timeout, 5*time.Second), Results: maxHosts},
	})
	if err != nil {
		return nil, err
	}
	h := frames.Hosts{}
	for _, v := range r.Values {
		m := v.Map()
		if id := m.Get("@Host").Str(); id != "" {
			h[id] = m.Get("Name").Str()
		}
	}
	return h, nil
}
