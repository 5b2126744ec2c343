package ofprobe

import (
	"strconv"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/openflow"
)

// Identifying attributes of rules and groups, besides [entity.IDDatabase].
const (
	idBridge   = "bridge"
	idTable    = "table"
	idPriority = "priority"
	idMatch    = "match"
	idGroup    = "group"
)

// ruleKey identifies a rule within its bridge.
func ruleKey(r *openflow.Rule) string { return ruleText(r, bounded(r.MatchIdentity())) }

// ruleText is the text of a rule, as ovs-ofctl takes it with its own match.
func ruleText(r *openflow.Rule, match string) string {
	b := make([]byte, 0, 32+len(match))
	b = strconv.AppendUint(append(b, "table="...), uint64(r.Table), 10)
	b = strconv.AppendUint(append(b, ",priority="...), uint64(r.Priority), 10)
	if match != "" {
		b = append(append(b, ','), match...)
	}
	return string(b)
}

func groupKey(id uint32) string { return "group_id=" + strconv.FormatUint(uint64(id), 10) }

// ruleRef names a rule's entity.
func ruleRef(b *Bridge, r *openflow.Rule) entity.Ref {
	return entity.Ref{Type: entity.TypeOFRule, ID: entity.NewIdentity(
		idBridge, b.UUID, entity.IDDatabase, b.Database, idMatch, entity.CleanText(bounded(r.MatchIdentity())),
		idPriority, strconv.Itoa(int(r.Priority)), idTable, strconv.Itoa(int(r.Table)))}
}

// groupRef names a group's entity.
func groupRef(b *Bridge, id uint32) entity.Ref {
	return entity.Ref{Type: entity.TypeOFGroup, ID: entity.NewIdentity(
		idBridge, b.UUID, entity.IDDatabase, b.Database, idGroup, strconv.FormatUint(uint64(id), 10))}
}

func partOf(b *Bridge) []entity.Relationship {
	return []entity.Relationship{{Type: entity.RelPartOf, Target: b.Ref()}}
}

// ruleItem is a rule that was read.
func ruleItem(b *Bridge, r *openflow.Rule, sum uint64) *item {
	it := &item{
		key: ruleKey(r), sum: sum, tag: idTable, value: strconv.Itoa(int(r.Table)),
		counters: r.Packets != openflow.NoCount && r.Bytes != openflow.NoCount, packets: r.Packets, bytes: r.Bytes,
	}
	it.event = func(*entity.Event) entity.Event { return ruleEvent(b, it.key, r) }
	return it
}

// changeItem is a rule that a change told. Monitors do not tell flags and
// importance, so those of the last read stand until the next.
func changeItem(b *Bridge, r *openflow.Rule) *item {
	it := &item{key: ruleKey(r), tag: idTable, value: strconv.Itoa(int(r.Table))}
	it.event = func(old *entity.Event) entity.Event {
		ev := ruleEvent(b, it.key, r)
		if old != nil {
			for _, key := range []string{"Flags", "Importance"} {
				if v := old.Attributes.Get(key); !v.IsZero() {
					ev.Attributes = ev.Attributes.With(key, v)
				}
			}
		}
		return ev
	}
	return it
}

// ruleEvent is what is said of a rule.
func ruleEvent(b *Bridge, key string, r *openflow.Rule) entity.Event {
	ref := ruleRef(b, r)
	name := key // usually
	if r.MatchIdentity() != r.Match() || len(r.Match()) > maxIdentity {
		name = ruleText(r, r.Match())
	}
	l := newBounds()
	a := entity.Attrs{
		entity.A(entity.KeyName, l.text(entity.KeyName, name)),
		entity.A(entity.KeyType, entity.String(entity.TypeOFRule)),
		entity.A("UUID", entity.String(ref.UUID().String())),
		entity.A("Table", entity.Int(int64(r.Table))),
		entity.A("Priority", entity.Int(int64(r.Priority))),
		entity.A("Cookie", entity.String("0x"+strconv.FormatUint(r.Cookie, 16))),
		entity.A("IdleTimeout", entity.Int(int64(r.IdleTimeout))),
		entity.A("HardTimeout", entity.Int(int64(r.HardTimeout))),
		entity.A("Match", l.text("Match", r.Match())),
		entity.A("ActionsText", l.text("ActionsText", r.ActionsText())),
		entity.A("Filters", l.filters("Filters", r.Filters)),
		entity.A("Actions", l.list("Actions", r.Actions, 0)),
		entity.A("WriteActions", l.list("WriteActions", r.WriteActions, 0)),
		entity.A("OtherInstructions", l.list("OtherInstructions", r.Unknown, 0)),
	}
	if r.Importance != 0 {
		a = append(a, entity.A("Importance", entity.Int(int64(r.Importance))))
	}
	if len(r.Flags) > 0 {
		a = append(a, entity.A("Flags", entity.Strings(r.Flags...)))
	}
	if r.GotoTable > 0 { // table 0 cannot be gone to
		a = append(a, entity.A("GotoTable", entity.Int(int64(r.GotoTable))))
	}
	if r.ClearActions {
		a = append(a, entity.A("ClearActions", entity.Bool(true)))
	}
	if r.Meter != 0 {
		a = append(a, entity.A("Meter", entity.Int(int64(r.Meter))))
	}
	if r.MetadataMask != 0 {
		a = append(a, entity.A("WriteMetadata", entity.Map(entity.Attrs{
			entity.A("Mask", entity.String("0x"+strconv.FormatUint(r.MetadataMask, 16))),
			entity.A("Value", entity.String("0x"+strconv.FormatUint(r.Metadata, 16))),
		})))
	}
	return entity.Event{Ref: ref, Source: Source, Attributes: l.mark(a), Relationships: partOf(b)}
}
