package alert

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/topologyd/graph"
)

// External is what templates know of the daemon: labels that every alert gets when
// it is sent, the URL at which people reach it, and how hosts are called.
type External struct {
	Labels map[string]string
	URL    string
	// HostName gives the name of the host with a host.id, "" when it has none; it is
	// asked while templates are expanded, so it has to be quick. nil: none has one.
	HostName func(id string) string
}

// Thing is a [Subject] as templates see it. All methods work on nil, which is a
// thing that is not there.
type Thing struct {
	subject  *Subject
	flows    *flowrecord.Table
	labels   map[string]string
	external *External
	work     *work
}

func (t *Thing) sub() *Subject {
	if t == nil || t.subject == nil {
		return &Subject{}
	}
	return t.subject
}

// Name is the name of a node, the RelationType of an edge, the names on a path, the
// key of all else.
func (t *Thing) Name() string {
	s := t.sub()
	switch s.Kind {
	case OfNode:
		return nameOf(s.Node)
	case OfEdge:
		return s.Edge.RelationType
	case OfPath:
		return joined(s.Value, " to ")
	case OfRow, OfFlow:
		if name := t.get(entity.KeyName); name != "" {
			return name
		}
	}
	return s.Key
}

// Type is the Type of a node or edge.
func (t *Thing) Type() string { return t.get(entity.KeyType) }

// State is the State of a node, for example UP.
func (t *Thing) State() string { return t.get("State") }

// Host is the host.id of a node or flow, or of the child of an edge; of a map its
// column host.
func (t *Thing) Host() string { return t.sub().Host() }

// HostName is what people call that host: the Name of its node, else its host.id.
// It may be another one at any time, so labels cannot have it.
func (t *Thing) HostName() string {
	id := t.Host()
	if t == nil || t.external == nil || t.external.HostName == nil || id == "" {
		return id
	}
	return cmp.Or(t.external.HostName(id), id)
}

// ID is that of an element or flow.
func (t *Thing) ID() string {
	if s := t.sub(); s.Node != nil || s.Edge != nil || s.Flow != nil {
		return s.Key
	}
	return ""
}

// TID is the ID of a node that outlives its re-creation.
func (t *Thing) TID() string { return t.get("TID") }

// Relation is the RelationType of an edge.
func (t *Thing) Relation() string { return t.get(entity.KeyRelationType) }

// Key is what the thing is known by: the name of a group.
func (t *Thing) Key() string { return t.sub().Key }

// Kind says what it is: node, edge, row, group, value, path, flow, measure, absent.
func (t *Thing) Kind() string { return t.sub().Kind.String() }

// Get returns the value of a key, a path such as LLDP.PVID, as text; "" when there
// is none. Of several values, and lists, it is all of them with commas between.
func (t *Thing) Get(key string) (string, error) {
	out := t.get(key)
	if t == nil || t.work == nil {
		return out, nil
	}
	return out, t.work.take(len(out))
}

func (t *Thing) get(key string) string {
	var out []string
	size := 0
	add := func(v entity.Value) bool {
		x := text(v)
		out = append(out, x)
		size += len(x)
		return size < maxOutput
	}
	lookup(t.sub(), t.table(), key, func(v entity.Value) bool {
		if v.Kind() != entity.KindList {
			return add(v)
		}
		for _, x := range v.List() {
			if !add(x) {
				return false
			}
		}
		return true
	})
	return strings.Join(out, ", ")
}

func (t *Thing) table() *flowrecord.Table {
	if t == nil || t.sub().Flow == nil {
		return nil
	}
	if t.flows == nil {
		t.flows = flowrecord.NewTable()
	}
	return t.flows
}

// lookup yields the values that a key has of a subject.
func lookup(s *Subject, flows *flowrecord.Table, key string, yield func(entity.Value) bool) {
	switch {
	case s.Node != nil:
		s.Node.Lookup(key, yield)
	case s.Edge != nil:
		s.Edge.Lookup(key, yield)
	case s.Flow != nil:
		flows.Lookup(s.Flow, key, yield)
	case s.Value.Kind() == entity.KindMap:
		if v := s.Value.Map().Get(key); !v.IsZero() { // columns may have dots in their names
			yield(v)
			return
		}
		s.Value.Map().Lookup(key, yield)
	}
}

// Parent and Child are the ends of an edge, or of a path.
func (t *Thing) Parent() *Thing { return t.end(t.sub().Parent) }

// Child is the other end.
func (t *Thing) Child() *Thing { return t.end(t.sub().Child) }

func (t *Thing) end(n *graph.Node) *Thing {
	if n == nil {
		return nil
	}
	return &Thing{subject: NodeSubject(n), external: t.external, work: t.work}
}

// Value is the value of a row, value, measure or group of values: a text, number
// or boolean, a list of such, or a map of them.
func (t *Thing) Value() any { return plain(t.sub().Value) }

// Number is the value as a number, how many a group holds, and 1 for all else.
func (t *Thing) Number() any {
	s := t.sub()
	switch {
	case s.Value.Kind() == entity.KindInt:
		return s.Value.Int()
	case s.Value.IsNumber():
		return s.Value.Float()
	case s.Kind == OfGroup:
		return s.Size
	case s.Kind == OfAbsent:
		return 0
	}
	return 1
}

// Size is how many elements or values a group holds, of which Members gives the
// first.
func (t *Thing) Size() int { return t.sub().Size }

// Members are the first elements or values of a group, at most [MaxMembers].
func (t *Thing) Members() []*Thing {
	s := t.sub()
	out := make([]*Thing, len(s.Members))
	for i, m := range s.Members {
		out[i] = &Thing{subject: m, flows: t.flows, external: t.external, work: t.work}
	}
	return out
}

// Changed is what changed of the thing, oldest first.
func (t *Thing) Changed() []Change { return t.sub().Changed }

// Labels are those of the alert; of templates of labels those that it has by
// itself.
func (t *Thing) Labels() map[string]string {
	if t == nil {
		return nil
	}
	return t.labels
}

// ExternalLabels and ExternalURL are those of the daemon.
func (t *Thing) ExternalLabels() map[string]string {
	if t == nil || t.external == nil {
		return nil
	}
	return t.external.Labels
}

// ExternalURL is where people reach the daemon.
func (t *Thing) ExternalURL() string {
	if t == nil || t.external == nil {
		return ""
	}
	return t.external.URL
}

// String is the name.
func (t *Thing) String() string { return t.Name() }

// object is a map as templates have it.
type object map[string]any

// String lists members as KEY=VALUE.
func (o object) String() string {
	var b strings.Builder
	for i, key := range slices.Sorted(maps.Keys(o)) {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(key + "=" + show(o[key]))
	}
	return b.String()
}

// plain is a value as templates compare and print it.
func plain(v entity.Value) any {
	switch v.Kind() {
	case entity.KindNone:
		return ""
	case entity.KindBool:
		return v.Bool()
	case entity.KindInt:
		return v.Int()
	case entity.KindFloat:
		return v.Float()
	case entity.KindList:
		out := make([]any, len(v.List()))
		for i, x := range v.List() {
			out[i] = plain(x)
		}
		return out
	case entity.KindMap:
		out := make(object, len(v.Map()))
		for _, a := range v.Map() {
			out[a.Key] = plain(a.Value)
		}
		return out
	default:
		return v.Str()
	}
}
