package graph

import (
	"context"
	"iter"
	"net/netip"

	"github.com/skein-net/skein/internal/entity"
)

// Bound is an end of a range of values. The zero Bound is the value none; use
// None for an end that is open to all sides.
type Bound struct {
	// Value is a number or a string.
	Value entity.Value
	// Open leaves the value itself out.
	Open bool
	// None sets no bound.
	None bool
}

// SlotsBetween yields the slots of the nodes for which a key holds a number, or
// a string, in a range, or a list with an element that is. Bounds are both
// numbers or both strings, or one is None. A node comes once; the order of the
// slots is not defined. count is how many come at most, exactly when no node has
// several values for the key. It is -1 when there is no ordered index of the key:
// the caller has to look at all nodes. That it asked is noted, so that the next
// [Graph.BuildWanted] makes one; a built view makes it at once.
func (v *View) SlotsBetween(key string, lo, hi Bound) (slots iter.Seq[int32], count int) {
	return func(func(int32) bool) {}, -1
}

// SlotsWithPrefix is [View.SlotsBetween] for the strings that begin with a
// prefix.
func (v *View) SlotsWithPrefix(key, prefix string) (slots iter.Seq[int32], count int) {
	return func(func(int32) bool) {}, -1
}

// SlotsInNetwork is [View.SlotsBetween] for the strings that are IP addresses,
// with or without a slash and what follows, inside a network. An address of
// version 4 that is mapped into one of version 6 counts as the former; zones do
// not count.
func (v *View) SlotsInNetwork(key string, network netip.Prefix) (slots iter.Seq[int32], count int) {
	return func(func(int32) bool) {}, -1
}

// Wanted returns a channel that gets something when an ordered index is wanted.
func (g *Graph) Wanted() <-chan struct{} { return nil }

// BuildWanted makes the ordered indexes that queries asked for, and returns how
// many. It looks at all nodes, without holding up those who change or view the
// graph. One goroutine at a time may call it.
func (g *Graph) BuildWanted(ctx context.Context) (built int) { return 0 }
