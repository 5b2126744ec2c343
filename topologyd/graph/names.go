package graph

import "strings"

// names are strings that many elements share, by number: hosts, sources and
// lists of sources. They are counted, and the number of one that nobody holds
// any more is given to another. Number 0 is the empty string.
type names struct {
	numbers map[string]uint32
	refs    []uint32
	free    []int32
}

// name returns the string with a number.
func (t *tables) name(n uint32) string {
	if n == 0 {
		return ""
	}
	return *t.names.at(int32(n))
}

// hold returns the number of a string, which the caller holds until it drops
// it.
func (g *Graph) hold(s string) uint32 {
	if s == "" {
		return 0
	}
	n, ok := g.names.numbers[s]
	if !ok {
		s = strings.Clone(s)
		if g.t.names.n == 0 {
			g.t.names.push(g.epoch)
			g.names.refs = append(g.names.refs, 0)
		}
		n = uint32(take(&g.names.free, &g.t.names, g.epoch))
		if int(n) == len(g.names.refs) {
			g.names.refs = append(g.names.refs, 0)
		}
		*g.t.names.edit(int32(n), g.epoch) = s
		g.names.numbers[s] = n
	}
	g.names.refs[n]++
	return n
}

// again holds a number once more.
func (g *Graph) again(n uint32) uint32 {
	if n != 0 {
		g.names.refs[n]++
	}
	return n
}

// drop gives up a number that was held.
func (g *Graph) drop(n uint32) {
	if n == 0 {
		return
	}
	if g.names.refs[n]--; g.names.refs[n] > 0 {
		return
	}
	delete(g.names.numbers, g.t.name(n))
	*g.t.names.edit(int32(n), g.epoch) = ""
	g.names.free = append(g.names.free, int32(n))
}
