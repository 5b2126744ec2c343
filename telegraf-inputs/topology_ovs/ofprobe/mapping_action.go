package ofprobe

import (
	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/openflow"
)

// filters is the list of filters that is the attribute key: the zero value when
// there are none.
func (b *bounds) filters(key string, fs []openflow.Filter) entity.Value {
	if len(fs) > maxItems {
		fs = fs[:maxItems]
		b.left(key)
	}
	if len(fs) == 0 {
		return entity.Value{}
	}
	out := make([]entity.Value, len(fs))
	for i, f := range fs {
		m := make(entity.Attrs, 0, 3)
		if f.Mask != "" {
			m = append(m, entity.A("Mask", b.text(key, f.Mask)))
		}
		m = append(m, entity.A("Type", b.text(key, f.Type)), entity.A("Value", b.text(key, f.Value)))
		out[i] = entity.Map(m)
	}
	return entity.List(out...)
}

// list is a list of actions within the attribute key: the zero value when there
// are none.
func (b *bounds) list(key string, as []openflow.Action, depth int) entity.Value {
	if len(as) == 0 {
		return entity.Value{}
	}
	if depth > maxNesting || b.actions == 0 {
		b.left(key)
		return entity.Value{}
	}
	out := make([]entity.Value, 0, len(as))
	for i := range as {
		if b.actions == 0 {
			b.left(key)
			break
		}
		b.actions--
		a := &as[i]
		out = append(out, entity.Map(entity.Attrs{
			entity.A("Type", b.text(key, a.Type)),
			entity.A("Arguments", b.arguments(key, a.Arguments)),
			entity.A("Actions", b.list(key, a.Actions, depth+1)),
			entity.A("Text", b.text(key, a.Text)),
		}.Normalize()))
	}
	return entity.List(out...)
}

// arguments is the map Arguments. An argument that is there several times has a
// list of its values.
func (b *bounds) arguments(key string, args []openflow.Argument) entity.Value {
	if len(args) == 0 {
		return entity.Value{}
	}
	m := make(entity.Attrs, 0, min(len(args), maxItems))
	for i, a := range args {
		if i == maxItems || b.size <= 0 {
			b.left(key)
			break
		}
		name := a.Name
		if name == "" || len(name) > 64 {
			name = "value"
		}
		b.size -= len(name) + 8
		v := entity.Int(int64(a.Number))
		if !a.Numeric || a.Number > 1<<62 {
			v = b.text(key, a.Text)
		}
		found := false
		for i := range m {
			if m[i].Key == name {
				m[i].Value, found = appendValue(m[i].Value, v), true
			}
		}
		if !found {
			m = append(m, entity.A(entity.CleanText(name), v))
		}
	}
	return entity.Map(m.Normalize())
}

func appendValue(old, v entity.Value) entity.Value {
	if old.Kind() != entity.KindList {
		return entity.List(old, v)
	}
	return entity.List(append(append([]entity.Value(nil), old.List()...), v)...)
}
