package ofprobe

import (
	"strconv"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/openflow"
)

// groupItem is a group that was read. Its counters come apart.
func groupItem(b *Bridge, g *openflow.Group) *item {
	it := &item{key: groupKey(g.ID), tag: idGroup, value: strconv.FormatUint(uint64(g.ID), 10)}
	it.event = func(*entity.Event) entity.Event { return groupEvent(b, it.key, g) }
	return it
}

// groupEvent is what is said of a group.
func groupEvent(b *Bridge, key string, g *openflow.Group) entity.Event {
	ref := groupRef(b, g.ID)
	l := newBounds()
	n := min(len(g.Buckets), maxItems)
	if n < len(g.Buckets) {
		l.left("Buckets")
	}
	buckets := make([]entity.Value, 0, n)
	for i := range g.Buckets[:n] {
		k := &g.Buckets[i]
		m := entity.Attrs{
			entity.A("ID", entity.Int(int64(k.ID))),
			entity.A("Len", entity.Int(int64(k.Len))),
			entity.A("Weight", entity.Int(int64(k.Weight))),
			entity.A("Actions", l.list("Buckets", k.Actions, 0)),
			entity.A("ActionsText", l.text("Buckets", k.ActionsText())),
		}
		if k.WatchPort != openflow.AnyPort {
			m = append(m, entity.A("WatchPort", entity.Int(int64(k.WatchPort))))
		}
		if k.WatchGroup != openflow.NoGroup {
			m = append(m, entity.A("WatchGroup", entity.Int(int64(k.WatchGroup))))
		}
		buckets = append(buckets, entity.Map(m.Normalize()))
	}
	a := entity.Attrs{
		entity.A(entity.KeyName, entity.String(key)),
		entity.A(entity.KeyType, entity.String(entity.TypeOFGroup)),
		entity.A("UUID", entity.String(ref.UUID().String())),
		entity.A("GroupId", entity.Int(int64(g.ID))),
		entity.A("GroupType", entity.String(g.Type)),
	}
	if len(buckets) > 0 {
		a = append(a, entity.A("Buckets", entity.List(buckets...)))
	}
	if g.SelectionMethod != "" {
		a = append(a,
			entity.A("SelectionMethod", l.text("SelectionMethod", g.SelectionMethod)),
			entity.A("SelectionParam", entity.Uint(g.SelectionParam)),
			entity.A("SelectionFields", l.filters("SelectionFields", g.Fields)))
	}
	return entity.Event{Ref: ref, Source: Source, Attributes: l.mark(a), Relationships: partOf(b)}
}
