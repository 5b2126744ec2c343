package overview

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/skein-net/skein/internal/entity"
)

// maxValue bounds the values that groups are made of.
const maxValue = 128

// level gives the values of one level.
type level interface {
	// value returns what a node has in common with its group, "" for nothing.
	value(e *element) string
	// label returns a value, which is not empty, for people.
	label(value string) string
	// none is the label of the group of what has no value.
	none() string
}

// levelOf makes the level with a name; above are those that are coarser.
func (s *set) levelOf(name string, above []string) level {
	switch name {
	case LevelHost:
		return hostLevel{s}
	case LevelNamespace:
		return namespaceLevel{s, slices.Contains(above, LevelHost), make(map[string]string), make(map[string]bool)}
	case LevelOwner:
		return ownerLevel{s}
	case LevelType:
		return keyLevel{s, entity.KeyType, "type"}
	default:
		return keyLevel{s, name, name}
	}
}

// name returns the name of a node by its ID, else by its path, in the newest
// view that has it; "" when it has none.
func (s *set) name(id entity.UUID) string {
	n := s.src.View.Node(id)
	if n == nil && s.src.Before != nil {
		n = s.src.Before.Node(id)
	}
	if n == nil {
		return ""
	}
	if name := text(n.Attrs.Get(entity.KeyName)); name != "" {
		return name
	}
	return text(n.Attrs.Get(entity.KeyPath))
}

// nameOr is name for the text of an ID, which stands for itself when there is
// no name.
func (s *set) nameOr(id string) string {
	u, err := entity.ParseUUID(id)
	if err != nil {
		return id
	}
	if name := s.name(u); name != "" {
		return name
	}
	return id
}

type hostLevel struct{ s *set }

func (l hostLevel) value(e *element) string { return bounded(e.host) }
func (l hostLevel) label(value string) string {
	if name := l.s.name(entity.HostRef(value).UUID()); name != "" {
		return name
	}
	return value
}
func (l hostLevel) none() string { return "no host" }

// namespaceLevel has the ID of the namespace, of the host for its own.
type namespaceLevel struct {
	s *set
	// below tells that the host is said already.
	below bool
	// roots are the IDs of hosts by host.id, isRoot tells which they are.
	roots  map[string]string
	isRoot map[string]bool
}

func (l namespaceLevel) value(e *element) string {
	a := l.s.ancestry(e)
	ns := a.nearest(e.slot, entity.TypeNetNS)
	switch {
	case ns != nobody:
		return a.id(ns)
	case e.host == "":
		return ""
	}
	id, ok := l.roots[e.host]
	if !ok {
		id = entity.HostRef(e.host).UUID().String()
		l.roots[e.host], l.isRoot[id] = id, true
	}
	return id
}

func (l namespaceLevel) label(value string) string {
	switch root := l.isRoot[value]; {
	case root && l.below:
		return "root"
	case root:
		return l.s.nameOr(value) + " root"
	default:
		return l.s.nameOr(value)
	}
}

func (l namespaceLevel) none() string { return "no namespace" }

type ownerLevel struct{ s *set }

func (l ownerLevel) value(e *element) string {
	a := l.s.ancestry(e)
	slot := a.of(e.slot)
	if slot == nobody {
		return ""
	}
	return a.id(slot)
}
func (l ownerLevel) label(value string) string { return l.s.nameOr(value) }
func (l ownerLevel) none() string              { return "no owner" }

// keyLevel has the first value of a key.
type keyLevel struct {
	s         *set
	key, word string
}

func (l keyLevel) value(e *element) string {
	var out string
	l.s.ancestry(e).view.LookupNode(e.slot, l.key, func(v entity.Value) bool {
		out = bounded(text(v))
		return out == ""
	})
	return out
}
func (l keyLevel) label(value string) string { return value }
func (l keyLevel) none() string              { return "no " + l.word }

// bounded shortens a long value so that it still tells groups apart.
func bounded(s string) string {
	if len(s) <= maxValue {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	return strings.ToValidUTF8(s[:maxValue-17], "") + "~" + hex.EncodeToString(sum[:8])
}
