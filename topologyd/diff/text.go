package diff

import (
	"strconv"
	"strings"
	"unicode"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
)

// Row is one line of the text form: an element, and its keys that changed.
type Row struct {
	Op Op
	// What names the element; see [NodeText], [EdgeText].
	What string
	Keys []Key
}

// Paint gives what switches a colour on and off; nil is no colour.
type Paint func(Op) (on, off string)

// none stands for a value that is not there.
const none = "none"

// Append appends the row as lines to b: + - or ~ and what it is, then each key
// with old and new value on a line of its own. Characters that a terminal would
// obey are written as escapes.
func (r *Row) Append(b []byte, paint Paint) []byte {
	if paint == nil {
		paint = func(Op) (string, string) { return "", "" }
	}
	on, off := paint(r.Op)
	b = append(append(append(append(b, on...), r.Op.sign()...), ' '), printable(r.What)...)
	b = append(append(b, off...), '\n')
	red, redOff := paint(Removed)
	green, greenOff := paint(Added)
	for i := range r.Keys {
		k := &r.Keys[i]
		b = append(append(append(b, "    "...), printable(k.Key)...), ": "...)
		b = append(append(append(append(b, red...), text(k.Old)...), redOff...), " -> "...)
		b = append(append(append(append(b, green...), text(k.New)...), greenOff...), '\n')
	}
	return b
}

func (o Op) sign() string {
	switch o {
	case Added:
		return "+"
	case Removed:
		return "-"
	case Changed:
		return "~"
	default:
		return "?"
	}
}

// AppendText appends the whole difference as text to b, one [Row] after the
// other: nodes, edges, then values or the number. Nothing differs: nothing is
// appended.
func (d *Diff) AppendText(b []byte, paint Paint) []byte {
	for i := range d.Nodes {
		n := &d.Nodes[i]
		b = (&Row{n.Op(), "node " + NodeText(nameOf(n.Last())), n.Keys}).Append(b, paint)
	}
	for i := range d.Edges {
		e := &d.Edges[i]
		last := e.Last()
		parent, child := Name{ID: last.Parent.String()}, Name{ID: last.Child.String()}
		if e.Parent != nil {
			parent = nameOf(e.Parent)
		}
		if e.Child != nil {
			child = nameOf(e.Child)
		}
		b = (&Row{e.Op(), "edge " + EdgeText(last.RelationType, parent, child), e.Keys}).Append(b, paint)
	}
	for i := range d.Values {
		b = d.Values[i].Append(b, paint)
	}
	if d.Number != nil && !d.Number.Old.Equal(d.Number.New) {
		b = append(append(append(append(b, d.Number.Old.Text()...), " -> "...), d.Number.New.Text()...), '\n')
	}
	return b
}

// Append appends the value as a line to b.
func (v *Value) Append(b []byte, paint Paint) []byte {
	what := v.Value.Text()
	if v.Count > 1 {
		what += " (" + strconv.Itoa(v.Count) + " times)"
	}
	return (&Row{Op: v.Op, What: what}).Append(b, paint)
}

// Name is what people know a node by.
type Name struct{ Name, Type, Host, ID string }

func nameOf(n *graph.Node) Name {
	text := func(key string) string {
		if v := n.Attrs.Get(key); !v.IsZero() {
			return v.Text()
		}
		return ""
	}
	return Name{text(entity.KeyName), text(entity.KeyType), n.Host, n.ID.String()}
}

// short is the name with the type, the ID for want of a name.
func (n Name) short() string {
	s := n.Name
	if s == "" {
		s = n.ID
	}
	if n.Type != "" {
		s += " (" + n.Type + ")"
	}
	return s
}

// NodeText names a node in a [Row].
func NodeText(n Name) string {
	s := n.short()
	if n.Host != "" && n.Host != n.Name {
		s += " on " + n.Host
	}
	return s
}

// EdgeText names an edge in a [Row].
func EdgeText(relation string, parent, child Name) string {
	s := parent.short() + " -> " + child.short()
	if relation != "" {
		s = relation + " " + s
	}
	switch {
	case parent.Host != "" && child.Host != "" && parent.Host != child.Host:
		return s + " on " + parent.Host + " and " + child.Host
	case parent.Host != "" && parent.Host != parent.Name:
		return s + " on " + parent.Host
	default:
		return s
	}
}

// text is a value as a line shows it.
func text(v entity.Value) string {
	if v.IsZero() {
		return none
	}
	if v.Kind() == entity.KindString && (v.Str() == "" || v.Str() == none || strings.TrimSpace(v.Str()) != v.Str()) {
		return strconv.Quote(v.Str())
	}
	return printable(v.Text())
}

// printable returns s with what a terminal obeys as escapes: names come from
// the network.
func printable(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		q := strconv.QuoteRune(r)
		b.WriteString(q[1 : len(q)-1])
	}
	return b.String()
}
