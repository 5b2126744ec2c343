package graph

import (
	"encoding/binary"
	"slices"
	"strings"
)

const (
	maxLeafEntries = 128
	maxLeafBytes   = 4096
	maxKids        = 64
)

// entry is a node under one of the keys that it is ordered by. Entries are in
// the order of their keys, equal ones in that of the slots.
type entry struct {
	key  string
	slot int32
}

// orderedTree is a B-tree of entries, each once, that keeps equal beginnings of
// keys once. It lives in a copy-on-write record: a copy of the struct is a
// snapshot, provided that the writer goes on with a higher epoch.
type orderedTree struct{ root *orderedNode }

// orderedNode is a leaf, which is never written to, or has kids.
type orderedNode struct {
	epoch uint64
	count int32 // of the entries below
	// block are the entries of a leaf: for each how much of its key it shares
	// with the one before, how long the rest is, the rest, the slot.
	block []byte
	// firsts are what the entries of each kid are not less than.
	firsts []entry
	kids   []*orderedNode
}

// leafCursor walks the entries of a leaf.
type leafCursor struct {
	block      []byte
	start, end int // of the current entry
	key        []byte
	slot       int32
}

func (c *leafCursor) next() bool {
	if c.start = c.end; c.start == len(c.block) {
		return false
	}
	p := c.start
	shared, p := varintAt(c.block, p)
	rest, p := varintAt(c.block, p)
	c.key = append(c.key[:shared], c.block[p:p+rest]...)
	slot, p := varintAt(c.block, p+rest)
	c.slot, c.end = int32(slot), p
	return true
}

// less tells whether the current entry comes before another.
func (c *leafCursor) less(e entry) bool {
	if key := string(c.key); key != e.key { // no allocation
		return key < e.key
	}
	return c.slot < e.slot
}

func varintAt(b []byte, p int) (int, int) {
	if c := b[p]; c < 0x80 {
		return int(c), p + 1
	}
	v, n := binary.Uvarint(b[p:])
	return int(v), p + n
}

// appendEntry appends an entry that comes after one with the key before.
func appendEntry(b []byte, before []byte, key string, slot int32) []byte {
	shared := 0
	for shared < min(len(before), len(key)) && before[shared] == key[shared] {
		shared++
	}
	b = binary.AppendUvarint(b, uint64(shared))
	b = binary.AppendUvarint(b, uint64(len(key)-shared))
	b = append(b, key[shared:]...)
	return binary.AppendUvarint(b, uint64(slot))
}

func (e entry) compare(o entry) int {
	if c := strings.Compare(e.key, o.key); c != 0 {
		return c
	}
	return int(e.slot) - int(o.slot)
}

// treeOf returns the tree of entries that are in order, each once.
func treeOf(entries []entry, epoch uint64) orderedTree {
	var level []*orderedNode
	var firsts []entry
	for len(entries) > 0 {
		n := &orderedNode{epoch: epoch}
		var before []byte
		firsts = append(firsts, entry{strings.Clone(entries[0].key), entries[0].slot})
		for len(entries) > 0 && n.count < maxLeafEntries*3/4 && len(n.block) < maxLeafBytes*3/4 {
			n.block = appendEntry(n.block, before, entries[0].key, entries[0].slot)
			before = append(before[:0], entries[0].key...)
			n.count++
			entries = entries[1:]
		}
		n.block = slices.Clone(n.block)
		level = append(level, n)
	}
	for len(level) > 1 {
		var above []*orderedNode
		var aboveFirsts []entry
		for i := 0; i < len(level); i += maxKids * 3 / 4 {
			end := min(i+maxKids*3/4, len(level))
			n := &orderedNode{epoch: epoch, firsts: slices.Clone(firsts[i:end]), kids: slices.Clone(level[i:end])}
			for _, kid := range n.kids {
				n.count += kid.count
			}
			above, aboveFirsts = append(above, n), append(aboveFirsts, firsts[i])
		}
		level, firsts = above, aboveFirsts
	}
	if len(level) == 0 {
		return orderedTree{}
	}
	return orderedTree{level[0]}
}

func (t *orderedTree) len() int {
	if t.root == nil {
		return 0
	}
	return int(t.root.count)
}

// insert enters an entry that is not there.
func (t *orderedTree) insert(e entry, epoch uint64) {
	if t.root == nil {
		t.root = &orderedNode{epoch: epoch}
	}
	a, b, first := t.root.insert(e, epoch)
	if b != nil {
		a = &orderedNode{epoch: epoch, count: a.count + b.count, firsts: []entry{{}, first}, kids: []*orderedNode{a, b}}
	}
	t.root = a
}

// remove takes an entry out, if it is there.
func (t *orderedTree) remove(e entry, epoch uint64) {
	if t.root == nil {
		return
	}
	t.root, _ = t.root.remove(e, epoch)
	for t.root != nil && len(t.root.kids) == 1 {
		t.root = t.root.kids[0]
	}
}

// own returns an inner node that may be written in this epoch.
func (n *orderedNode) own(epoch uint64) *orderedNode {
	if n.epoch == epoch {
		return n
	}
	return &orderedNode{epoch: epoch, count: n.count, firsts: grown(n.firsts), kids: grown(n.kids)}
}

// kid returns the number of the kid below which an entry is, or would be.
func (n *orderedNode) kid(e entry) int {
	lo, hi := 1, len(n.kids)
	for lo < hi {
		mid := (lo + hi) / 2
		if n.firsts[mid].compare(e) <= 0 {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo - 1
}

// insert returns the node with an entry more; when it gets too large, two nodes
// and what the entries of the second are not less than.
func (n *orderedNode) insert(e entry, epoch uint64) (a, b *orderedNode, first entry) {
	if n.kids == nil {
		return n.insertLeaf(e)
	}
	n = n.own(epoch)
	n.count++
	i := n.kid(e)
	kid, more, first := n.kids[i].insert(e, epoch)
	n.kids[i] = kid
	if more == nil {
		return n, nil, entry{}
	}
	n.kids, n.firsts = slices.Insert(n.kids, i+1, more), slices.Insert(n.firsts, i+1, first)
	if len(n.kids) <= maxKids {
		return n, nil, entry{}
	}
	half := len(n.kids) / 2
	b = &orderedNode{epoch: epoch, firsts: slices.Clone(n.firsts[half:]), kids: slices.Clone(n.kids[half:])}
	for _, kid := range b.kids {
		b.count += kid.count
	}
	clear(n.kids[half:])
	clear(n.firsts[half:])
	n.kids, n.firsts = n.kids[:half], n.firsts[:half]
	n.count -= b.count
	return n, b, b.firsts[0]
}

func (n *orderedNode) insertLeaf(e entry) (a, b *orderedNode, first entry) {
	var arr, arr2 [64]byte
	c, before := leafCursor{block: n.block, key: arr[:0]}, arr2[:0]
	found := false
	for c.next() {
		if !c.less(e) {
			found = true
			break
		}
		before = append(before[:0], c.key...)
	}
	if found && c.slot == e.slot && string(c.key) == e.key {
		return n, nil, entry{}
	}
	block := make([]byte, 0, len(n.block)+len(e.key)+12)
	block = appendEntry(append(block, n.block[:c.start]...), before, e.key, e.slot)
	if found {
		before = append(before[:0], e.key...)
		block = appendEntry(block, before, string(c.key), c.slot)
		block = append(block, n.block[c.end:]...)
	}
	a = &orderedNode{count: n.count + 1, block: block}
	if a.count <= maxLeafEntries && (len(block) <= maxLeafBytes || a.count < 4) {
		return a, nil, entry{}
	}
	half := a.count / 2
	c = leafCursor{block: block, key: arr[:0]}
	for range half + 1 {
		c.next()
	}
	first = entry{string(c.key), c.slot}
	b = &orderedNode{count: a.count - half, block: append(appendEntry(make([]byte, 0, len(block)-c.end+len(c.key)+10), nil, first.key, first.slot), block[c.end:]...)}
	a.count, a.block = half, slices.Clone(block[:c.start])
	return a, b, first
}

// remove returns the node without an entry, nil when nothing is left, and
// whether the entry was there.
func (n *orderedNode) remove(e entry, epoch uint64) (*orderedNode, bool) {
	if n.kids == nil {
		return n.removeLeaf(e)
	}
	i := n.kid(e)
	kid, ok := n.kids[i].remove(e, epoch)
	if !ok {
		return n, false
	}
	n = n.own(epoch)
	n.count--
	if n.kids[i] = kid; kid == nil {
		n.kids, n.firsts = slices.Delete(n.kids, i, i+1), slices.Delete(n.firsts, i, i+1)
	}
	if n.count == 0 {
		return nil, true
	}
	return n, true
}

func (n *orderedNode) removeLeaf(e entry) (*orderedNode, bool) {
	var arr, arr2 [64]byte
	c, before := leafCursor{block: n.block, key: arr[:0]}, arr2[:0]
	for {
		if !c.next() {
			return n, false
		}
		if !c.less(e) {
			break
		}
		before = append(before[:0], c.key...)
	}
	if c.slot != e.slot || string(c.key) != e.key {
		return n, false
	}
	if n.count == 1 {
		return nil, true
	}
	block := append(make([]byte, 0, len(n.block)), n.block[:c.start]...)
	if c.next() {
		block = appendEntry(block, before, string(c.key), c.slot)
		block = append(block, n.block[c.end:]...)
	}
	return &orderedNode{count: n.count - 1, block: block}, true
}
