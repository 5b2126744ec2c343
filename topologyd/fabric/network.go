package fabric

import (
	"errors"
	"fmt"
	"strings"

	"github.com/skein-net/skein/internal/entity"
)

// Vocabulary of the fabric.
const (
	// Source is the facet that speaks of the fabric's nodes.
	Source = entity.SourceFabric
	// TypeNode is their entity type, IDNode its one identifying attribute: the
	// name that the lines use.
	TypeNode = entity.TypeFabric
	IDNode   = "fabric.node"

	// DefaultType is the attribute Type of a node that says none.
	DefaultType = "device"
	// LinkType is the attribute Type of a layer2 edge that says none.
	LinkType = "fabric"

	keyProbe = "Probe"
)

// Ref names a node of the fabric.
func Ref(name string) entity.Ref {
	return entity.Ref{Type: TypeNode, ID: entity.NewIdentity(IDNode, name)}
}

// Network is what several fabrics describe together: equal names are one node.
// It is not for concurrent use while it is filled.
type Network struct {
	nodes map[string]entity.Attrs
	order []string
	links []*link
	byKey map[string]*link
}

// link joins two terms.
type link struct {
	parent, child Term
	owned         bool
	attrs         entity.Attrs
}

// NewNetwork returns an empty network.
func NewNetwork() *Network {
	return &Network{nodes: make(map[string]entity.Attrs), byKey: make(map[string]*link)}
}

// Add adds the lines of one fabric. A line with a mistake is left out whole and
// reported; the others count.
func (n *Network) Add(lines []string) (mistakes []*Error) {
	for i, text := range lines {
		st, err := ParseLine(text)
		if err == nil && st != nil {
			err = n.add(st)
		}
		var e *Error
		if errors.As(err, &e) {
			e.Line = i + 1
			mistakes = append(mistakes, e)
		}
	}
	return mistakes
}

// add adds a statement, or nothing when it contradicts what is there.
func (n *Network) add(st *Statement) error {
	terms := []*Term{&st.Parent}
	if st.Joined {
		terms = append(terms, &st.Child)
	}
	for _, t := range terms {
		if !t.IsMatch() {
			if err := agree("node "+t.Name, n.nodes[t.Name], t.Attrs, t.column); err != nil {
				return err
			}
		}
	}
	var l *link
	key := ""
	if st.Joined {
		bare := Statement{Parent: st.Parent.key(), Child: st.Child.key(), Joined: true}
		key = bare.String()
		if l = n.byKey[key]; l != nil {
			if err := agree("the join "+key, l.attrs, st.Attrs, st.Child.column); err != nil {
				return err
			}
		}
	}
	for _, t := range terms {
		if t.IsMatch() {
			continue
		}
		have, known := n.nodes[t.Name]
		if !known {
			n.order = append(n.order, t.Name)
		}
		n.nodes[t.Name] = union(have, t.Attrs)
	}
	if !st.Joined {
		return nil
	}
	if l == nil {
		l = &link{parent: st.Parent, child: st.Child}
		n.byKey[key] = l
		n.links = append(n.links, l)
	}
	l.owned = l.owned || st.Owned
	l.attrs = union(l.attrs, st.Attrs)
	return nil
}

// key is the part of a term that tells it from others.
func (t *Term) key() Term {
	if t.IsMatch() {
		return *t
	}
	return Term{Name: t.Name}
}

// agree refuses attributes that contradict those that are there.
func agree(what string, have, add entity.Attrs, column int) error {
	for _, a := range add {
		if v := have.Get(a.Key); !v.IsZero() && !v.Equal(a.Value) {
			return &Error{Column: column, Message: fmt.Sprintf("%s has %s=%s already; say it once, or the same each time", what, a.Key, v.Text())}
		}
	}
	return nil
}

func union(a, b entity.Attrs) entity.Attrs {
	if len(b) == 0 {
		return a
	}
	out := append(make(entity.Attrs, 0, len(a)+len(b)), a...)
	return append(out, b...).Normalize()
}

// Nodes returns the number of nodes that the lines make.
func (n *Network) Nodes() int { return len(n.order) }

// Matches reports whether a line refers to nodes of the topology.
func (n *Network) Matches() bool {
	for _, l := range n.links {
		if l.parent.IsMatch() || l.child.IsMatch() {
			return true
		}
	}
	return false
}

// MaxLines is how many lines one fabric may have.
const MaxLines = 1000

// Spec is a fabric as it is defined: its lines.
type Spec struct {
	Lines []string `json:"lines"`
}

// Validate checks the lines; the error wraps the first [*Error].
func (s *Spec) Validate() error {
	if len(s.Lines) == 0 {
		return errors.New(`there are no lines; give for example {"lines":["TOR1 -> PORT1"]}`)
	}
	if len(s.Lines) > MaxLines {
		return fmt.Errorf("%d lines, more than %d; make several fabrics", len(s.Lines), MaxLines)
	}
	mistakes := NewNetwork().Add(s.Lines)
	if len(mistakes) == 0 {
		return nil
	}
	if len(mistakes) > 1 {
		return fmt.Errorf("%w (and %d more)", mistakes[0], len(mistakes)-1)
	}
	return mistakes[0]
}

// Split cuts a text into lines.
func Split(text string) []string {
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	for len(lines) > 0 && strings.TrimSpace(lines[len(lines)-1]) == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}
