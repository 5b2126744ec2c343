package past

import (
	"bufio"
	"encoding/binary"
	"errors"
	"hash/maphash"
	"os"
	"runtime"

	"github.com/klauspost/compress/s2"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
)

const (
	// blockElements and blockBytes are how many elements a block of a base holds
	// and about how many bytes, whichever is reached first.
	blockElements = 2048
	blockBytes    = 4 << 20
	// maxBlock bounds a decompressed block.
	maxBlock = 64 << 20
	// maxTable and maxShared bound the entries of a base's table and their length.
	maxTable  = 1 << 16
	maxShared = 256
)

// position says what a base stands for.
type position struct {
	log      string // ID of the event log
	revision uint64
	record   uint64
	at       int64 // log time, Unix ns
}

// baseWriter writes the state of a view as a base.
type baseWriter struct {
	out    *bufio.Writer
	err    error
	frame  []byte
	body   []byte
	packed []byte
	ids    []byte
	at     int64 // log time, Unix ms
	// elements are how many were written.
	elements int

	// The table: values that recur, in their encoded form.
	table   map[string]uint32
	entries []string
	seed    maphash.Seed
	seen    []uint64 // fingerprints of values that were met once, by their low bits
	value   []byte
	shapes  map[string]uint32
	shape   []byte
	order   []string
}

// writeBase writes a base into a file.
func writeBase(f *os.File, pos position, v *graph.View) error {
	w := &baseWriter{
		out: bufio.NewWriterSize(f, 1<<20), at: milliseconds(pos.at),
		table: make(map[string]uint32), shapes: make(map[string]uint32),
		seed: maphash.MakeSeed(), seen: make([]uint64, 1<<16),
	}
	w.write(fileHead(magicBase))
	b := beginFrame(w.frame[:0], kindBase)
	b = appendText(append(b, version), pos.log)
	b = binary.AppendUvarint(binary.AppendUvarint(b, pos.revision), pos.record)
	b = binary.AppendVarint(b, pos.at)
	b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(v.NodeCount())), uint64(v.EdgeCount()))
	w.end(b)
	numbers := w.nodes(v)
	w.edges(v, numbers)
	w.tables()
	w.end(beginFrame(w.frame[:0], kindEnd))
	if w.err == nil {
		w.err = w.out.Flush()
	}
	return errors.Join(w.err, f.Sync())
}

func (w *baseWriter) write(b []byte) {
	if w.err == nil {
		_, w.err = w.out.Write(b)
	}
}

// end writes the frame that is all of b.
func (w *baseWriter) end(b []byte) {
	endFrame(b, 0)
	w.frame = b
	w.write(b)
}

// nodes writes the nodes and returns their numbers in the base by slot.
func (w *baseWriter) nodes(v *graph.View) []uint32 {
	numbers := make([]uint32, v.NodeSlots())
	n := uint32(0)
	var e element
	for node := range v.Nodes() {
		numbers[node.Slot] = n
		e.fromNode(node)
		w.ids = append(w.ids, e.id[:]...)
		w.body = w.element(w.body, &e)
		n++
		w.full(kindNodes)
	}
	w.block(kindNodes)
	return numbers
}

func (w *baseWriter) edges(v *graph.View, numbers []uint32) {
	last := int64(0)
	var e element
	for edge := range v.Edges() {
		e.fromEdge(edge)
		w.ids = append(w.ids, e.id[:]...)
		parent, child := int64(numbers[edge.ParentSlot]), int64(numbers[edge.ChildSlot])
		w.body = binary.AppendVarint(w.body, parent-last)
		w.body = binary.AppendVarint(w.body, child-parent)
		w.body = binary.AppendUvarint(w.body, w.share(e.relation))
		last = parent
		w.body = w.element(w.body, &e)
		if w.full(kindEdges) {
			last = 0
		}
	}
	w.block(kindEdges)
}

// full writes what was gathered when it is enough for a block.
func (w *baseWriter) full(kind byte) bool {
	if len(w.ids) < blockElements*16 && len(w.body) < blockBytes {
		return false
	}
	w.block(kind)
	return true
}

// block writes what was gathered as one block.
func (w *baseWriter) block(kind byte) {
	if len(w.ids) == 0 {
		return
	}
	b := beginFrame(w.frame[:0], kind)
	b = binary.AppendUvarint(b, uint64(len(w.ids)/16))
	b = append(b, w.ids...)
	if n := s2.MaxEncodedLen(len(w.body)); n > len(w.packed) {
		w.packed = make([]byte, n)
	}
	b = append(b, s2.EncodeBetter(w.packed, w.body)...)
	w.end(b)
	w.ids, w.body = w.ids[:0], w.body[:0]
}

// yieldEvery is after how many elements the writer of a base lets others go
// first: it is in no hurry, and a query would wait for the end of its turn, ten
// milliseconds.
const yieldEvery = 128

// element appends what nodes and edges have in common.
func (w *baseWriter) element(b []byte, e *element) []byte {
	if w.elements++; w.elements%yieldEvery == 0 {
		runtime.Gosched()
	}
	b = binary.AppendUvarint(b, w.shapeOf(e.attrs))
	b = binary.AppendUvarint(b, w.share(e.host))
	b = binary.AppendUvarint(b, w.share(e.origin))
	b = binary.AppendVarint(b, w.at-e.created)
	b = binary.AppendVarint(b, e.updated-e.created)
	b = binary.AppendUvarint(b, e.revision)
	var enc encoder
	for i := range e.attrs {
		b = w.attr(b, &enc, e.attrs[i].Value)
	}
	return b
}

// attr appends a value, as a reference when it was met before.
func (w *baseWriter) attr(b []byte, enc *encoder, v entity.Value) []byte {
	if k := v.Kind(); k < entity.KindString {
		return enc.value(b, v)
	}
	w.value = enc.value(w.value[:0], v)
	if len(w.value) > maxShared {
		return append(b, w.value...)
	}
	if n, ok := w.table[string(w.value)]; ok {
		return appendRef(b, n)
	}
	print := maphash.Bytes(w.seed, w.value)
	slot := &w.seen[print%uint64(len(w.seen))]
	if *slot != print || len(w.entries) == maxTable {
		*slot = print
		return append(b, w.value...)
	}
	return appendRef(b, w.enter(string(w.value)))
}

func (w *baseWriter) enter(encoded string) uint32 {
	n := uint32(len(w.entries))
	w.table[encoded] = n
	w.entries = append(w.entries, encoded)
	return n
}

// share returns the number of a string in the table, where all keys, hosts,
// origins and types are.
func (w *baseWriter) share(s string) uint64 {
	w.value = appendText(w.value[:0], s)
	if n, ok := w.table[string(w.value)]; ok {
		return uint64(n)
	}
	return uint64(w.enter(string(w.value)))
}

// shapeOf returns the number of a set of keys.
func (w *baseWriter) shapeOf(attrs entity.Attrs) uint64 {
	w.shape = w.shape[:0]
	for i := range attrs {
		w.shape = binary.AppendUvarint(w.shape, w.share(attrs[i].Key))
	}
	if n, ok := w.shapes[string(w.shape)]; ok {
		return uint64(n)
	}
	n := uint32(len(w.order))
	shape := string(w.shape)
	w.shapes[shape] = n
	w.order = append(w.order, shape)
	return uint64(n)
}

// tables writes the table and the sets of keys.
func (w *baseWriter) tables() {
	body := binary.AppendUvarint(nil, uint64(len(w.entries)))
	for _, e := range w.entries {
		body = append(body, e...)
	}
	body = binary.AppendUvarint(body, uint64(len(w.order)))
	for _, s := range w.order {
		body = binary.AppendUvarint(body, uint64(len(s)))
		body = append(body, s...)
	}
	w.end(append(beginFrame(w.frame[:0], kindTable), s2.EncodeBetter(nil, body)...))
}
