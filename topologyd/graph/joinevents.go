package graph

import (
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/join"
)

// This file is what the events do that speak of the table of joins. As those of
// facets they are judged by what was heard before they are logged, and by what was
// logged when they are applied.

// rowOf returns the row that an event states, nil when it cannot be used.
func rowOf(e *entity.Event) *join.Row {
	v := e.Attributes.Get(entity.KeyRow)
	if e.Source != entity.SourceJoin || v.Kind() != entity.KindString {
		return nil
	}
	row, err := join.Parse([]byte(v.Str()))
	if err != nil || !entity.JoinRef(row.Name).Equal(e.Ref) {
		return nil
	}
	return row
}

// checkRow is check for an event of the table of joins.
func (g *Graph) checkRow(p *Prepared, now int64) Outcome {
	p.Force = false
	key, isDelete := facetKey{p.id, p.facet.source}, p.Event.Kind == entity.Delete
	have, bad := g.rowAt(p)
	switch {
	case bad:
		g.stats.JoinsRefused++
		g.stats.Outdated++
		return Outdated
	case have == nil && isDelete:
		g.stats.Unchanged++
		g.bury(&g.heard, p, 0, now)
		return Unchanged
	case have == nil:
		if g.heard.covers(key, p.facet.time, now) || g.tombs.covers(key, p.facet.time, g.logged) {
			g.stats.Outdated++
			return Outdated
		}
		return Changed
	case p.facet.time < have.heard:
		if now-have.seen <= int64(time.Minute) {
			g.stats.Outdated++
			return Outdated
		}
		p.Force = true // as for facets: the clock was set back
	}
	if !isDelete && have.text == p.rowText() {
		have.heard, have.seen = max(have.heard, p.facet.time), now
		g.stats.Unchanged++
		return Unchanged
	}
	return Changed
}

// rowAt returns the row of the table that an event speaks of, nil when there is
// none; bad tells that the event cannot be used.
func (g *Graph) rowAt(p *Prepared) (have *joinRow, bad bool) {
	name := p.Event.ID.Get(entity.IDName)
	bad = p.Event.Source != entity.SourceJoin || p.Event.Kind == entity.State && p.row == nil
	return g.joins.rows[name], bad
}

func (p *Prepared) rowText() string { return p.Event.Attributes.Get(entity.KeyRow).Str() }

// applyRow changes the table as an event of the log says. What it does depends on
// the log alone.
func (g *Graph) applyRow(p *Prepared, at, now int64) Outcome {
	key, isDelete := facetKey{p.id, p.facet.source}, p.Event.Kind == entity.Delete
	have, bad := g.rowAt(p)
	switch {
	case bad:
		g.stats.JoinsRefused++
		g.stats.Outdated++
		return Outdated
	case have == nil && isDelete:
		g.stats.Unchanged++
		g.bury(&g.tombs, p, 0, g.logged)
		return Unchanged
	case have == nil && !p.Force && g.tombs.covers(key, p.facet.time, g.logged),
		have != nil && !p.Force && p.facet.time < have.time:
		g.stats.Outdated++
		return Outdated
	case have != nil && !isDelete && have.text == p.rowText():
		have.heard, have.seen = max(have.heard, p.facet.time), now
		g.stats.Unchanged++
		return Unchanged
	}
	g.stats.Changed++
	g.view = nil
	if isDelete {
		g.bury(&g.tombs, p, 0, g.logged)
		g.changeRow(have, nil, at)
		return Changed
	}
	g.tombs.forget(key)
	g.heard.forget(key)
	g.changeRow(have, &joinRow{row: p.row, text: p.rowText(), time: p.facet.time, heard: p.facet.time, seen: now}, at)
	return Changed
}
