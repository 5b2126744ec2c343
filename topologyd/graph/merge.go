package graph

import (
	"cmp"
	"slices"
	"strings"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph/pack"
)

// onlyGuests reports whether no facet is left that is a reason for the node.
func onlyGuests(list []packedFacet, typ string) bool {
	for i := range list {
		if !entity.IsGuest(list[i].source, typ) {
			return false
		}
	}
	return true
}

// Classes of facets, in the order in which their attributes stand.
const (
	classOwn = iota
	classMember
	classGuest
)

// ranked is a facet on its way to be merged.
type ranked struct {
	attrs  string
	source string
	class  int
	rank   int
	prefer []string
}

func rankedOf(f *packedFacet, typ string) ranked {
	r := ranked{attrs: f.attrs, source: f.source, rank: entity.Rank(f.source)}
	if entity.IsGuest(f.source, typ) {
		r.class = classGuest
	}
	return r
}

// better orders facets by whose attributes stand.
func better(a, b ranked) int {
	return cmp.Or(cmp.Compare(a.class, b.class), cmp.Compare(a.rank, b.rank), strings.Compare(a.source, b.source))
}

// mergeFacets is the union of the attributes of an entity's facets, with room for
// TID. Where two facets give a value for the same key, that of the one of the
// lowest rank stands, among equals that of the source whose name sorts first, and
// that of a guest only when nobody else gives one: the same whatever the order of
// the reports.
func mergeFacets(d *pack.Dict, list []packedFacet, typ string) entity.Attrs {
	var room [8]ranked
	all := room[:0]
	for i := range list {
		all = append(all, rankedOf(&list[i], typ))
	}
	return mergeRanked(d, all)
}

// mergeRanked merges facets that may be in any order; of those that are equal in
// order the first one stands. Keys that a facet is preferred for come from the
// first facet that is.
func mergeRanked(d *pack.Dict, all []ranked) entity.Attrs {
	slices.SortStableFunc(all, better)
	n := 1
	for i := range all {
		n += d.Len(all[i].attrs)
	}
	out := make(entity.Attrs, 0, n)
	preferred := false
	for _, r := range slices.Backward(all) {
		preferred = preferred || len(r.prefer) > 0
		d.Each(r.attrs, func(key string, v entity.Value) bool {
			out = append(out, entity.A(key, v))
			return true
		})
	}
	if preferred {
		for _, r := range slices.Backward(all) {
			for _, key := range r.prefer {
				out = append(out, entity.A(key, d.Get(r.attrs, key)))
			}
		}
		out = slices.DeleteFunc(out, func(a entity.Attr) bool { return a.Value.IsZero() })
	}
	return out.Normalize()
}

// mergeMembers is the union of what the facets of a node and those of its members
// say, and lists their sources. The node's own facets come before those of the
// members, but for the keys that a row prefers of a member; guests of either come
// last.
func (g *Graph) mergeMembers(slot int32, list []packedFacet, typ string) (attrs entity.Attrs, origin string) {
	var all []ranked
	var sources []string
	for i := range list {
		all = append(all, rankedOf(&list[i], typ))
	}
	for _, m := range g.joins.members[slot] {
		memberType, _ := g.t.identity(m)
		var prefer []string
		if r := g.joins.rows[g.joins.hooks[m].row]; r != nil {
			prefer = r.row.Prefer
		}
		for _, f := range g.t.facets(m, nil) {
			r := rankedOf(&f, memberType)
			if r.class == classOwn {
				r.class, r.prefer = classMember, prefer
			}
			all = append(all, r)
		}
	}
	for i := range all {
		sources = append(sources, all[i].source)
	}
	slices.Sort(sources)
	return mergeRanked(g.t.dict, all), strings.Join(slices.Compact(sources), ",")
}

// originOf lists the sources by name.
func originOf(list []packedFacet) string {
	if len(list) == 1 {
		return list[0].source
	}
	names := make([]string, len(list))
	for i := range list {
		names[i] = list[i].source
	}
	return strings.Join(names, ",")
}

// valueOf returns the value of a key that stands among the facets of one entity.
func valueOf(d *pack.Dict, list []packedFacet, typ, key string) (v entity.Value) {
	var best ranked
	for i := range list {
		have := d.Get(list[i].attrs, key)
		if have.IsZero() {
			continue
		}
		if r := rankedOf(&list[i], typ); v.IsZero() || better(r, best) < 0 {
			v, best = have, r
		}
	}
	return v
}
