package main

import (
	"context"
	"fmt"

	"github.com/skein-net/skein/internal/entity/entitytest"
	"github.com/skein-net/skein/internal/perf/table"
	"github.com/skein-net/skein/topologyd/client"
)

// query is one that is timed by itself.
type query struct{ name, gremlin, goal string }

// perHost is how many entities a host of entitytest.Network has, itself
// included.
const perHost = 101

// endOfChain returns the last interface of a network of n entities, or the
// last one within so many hosts.
func endOfChain(n, hosts int) string {
	end := min(n-1, 1+perHost*hosts)
	if end%perHost == 0 {
		end-- // a host, which the chain does not reach
	}
	return entitytest.NetworkName(end)
}

// queries are those of a network of n entities.
func queries(n int) []query {
	path := func(to string) string {
		return fmt.Sprintf("G.V().Has('Name', '%s').ShortestPathTo(METADATA('Name','%s'))", entitytest.NetworkName(1), to)
	}
	out := []query{
		{"`G.V().Count()`", "G.V().Count()", ""},
		{"`Has('Name', x)`", fmt.Sprintf("G.V().Has('Name', '%s')", entitytest.NetworkName(n/2)), "0.3 ms at 100 k, 0.5 ms at 1 M"},
		{"`Has('Type','veth').Count()`", "G.V().Has('Type','veth').Count()", ""},
		{"`Has('Type','veth').Out().Count()`", "G.V().Has('Type','veth').Out().Count()", "5 ms at 100 k"},
		{"`Has('Type','veth').Values('Name')`", "G.V().Has('Type','veth').Values('Name')", ""},
		// As far as the predecessor's longest answer.
		{"`ShortestPathTo`, across 100 hosts", path(endOfChain(n, 100)), "2 ms at 10 k, 10 ms at 100 k"},
		{"`ShortestPathTo`, from one end of the chain to the other", path(endOfChain(n, n)), "10 ms at 100 k"},
		{"`Neighbors(0).Count()`, breadth first through all of it", fmt.Sprintf("G.V().Has('Name', '%s').Neighbors(0).Count()", entitytest.NetworkName(1)), "10 ms at 100 k"},
	}
	if n <= mostDrawn {
		out = append(out, query{"`G.V()`: all nodes as JSON", "G.V()", ""})
	}
	return out
}

// mostDrawn is up to how many nodes all of them are asked for: more is beyond
// the limits of an answer.
const mostDrawn = 100_000

// measureQueries asks one query after the other.
func (d *daemon) measureQueries(ctx context.Context, t *table.Table, n int, size string) error {
	for _, q := range queries(n) {
		p50, p99, err := timed(ctx, func(ctx context.Context) error {
			_, err := d.ask(ctx, q.gremlin)
			return err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", q.gremlin, err)
		}
		t.Add(q.name+" over HTTP, p50 · p99, "+size, q.goal, "%s · %s ms", ms(p50), ms(p99))
	}
	if n > mostDrawn {
		return nil
	}
	// What a Grafana dashboard shows first, read by the client that the datasource
	// has.
	p50, p99, err := timed(ctx, func(ctx context.Context) error {
		_, err := d.Topology(ctx, client.TopologyQuery{Gremlin: "G"})
		return err
	})
	if err != nil {
		return fmt.Errorf("draw: %w", err)
	}
	t.Add("all of it drawn as at most 200 nodes and groups, client included, p50 · p99, "+size, "300 ms at 5 k", "%s · %s ms", ms(p50), ms(p99))
	return nil
}
