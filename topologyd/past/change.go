package past

import (
	"encoding/binary"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
)

// The first byte of a change: the operation, and what follows.
const (
	opMask      = 0x07
	flagFull    = 0x08 // the whole state, not the difference to the one before
	flagNumber  = 0x10 // the element by its number in the file, not by its ID
	flagOrigin  = 0x20 // a difference that has a new origin
	flagHost    = 0x40 // a difference that has a new host
	flagCreated = 0x80 // a whole state made before it became valid
)

// maxFrameChanges and maxFrameBytes bound the changes of one frame.
const (
	maxFrameChanges = 4096
	maxFrameBytes   = 1 << 20
)

// frameWriter makes the frames of one file of changes.
type frameWriter struct {
	enc     encoder
	numbers map[entity.UUID]uint32 // of the elements that the file has named
	body    []byte
	changes []byte
	next    uint32 // number of the next element that is named
}

func newFrameWriter() *frameWriter {
	return &frameWriter{enc: encoder{table: make(map[string]uint32)}, numbers: make(map[entity.UUID]uint32)}
}

// summary is what a frame says of its changes.
type summary struct {
	record   uint64
	at       int64 // log time, Unix ns
	revision uint64
	count    int
	valid    int64 // smallest time from which one of them is valid, Unix ms
	number   uint32
}

// last returns the revision of the last change.
func (s *summary) last() uint64 { return s.revision + uint64(s.count) - 1 }

// append appends a frame with as many of the changes as fit in one, and tells
// how many. The changes follow one another by revision and are no marks.
func (w *frameWriter) append(b []byte, at int64, record uint64, changes []graph.Change) ([]byte, summary) {
	sum := summary{record: record, at: at, revision: changes[0].Revision, number: w.next}
	w.enc.reset()
	w.changes = w.changes[:0]
	ms := milliseconds(at)
	for i := range changes {
		if i == maxFrameChanges || len(w.changes) > maxFrameBytes {
			break
		}
		valid := w.change(&changes[i], ms)
		if i == 0 || valid < sum.valid {
			sum.valid = valid
		}
		sum.count++
	}
	begin := len(b)
	b = beginFrame(b, kindChanges)
	b = binary.AppendUvarint(b, record)
	b = binary.AppendVarint(b, at)
	b = binary.AppendUvarint(b, sum.revision)
	b = binary.AppendUvarint(b, uint64(sum.count))
	b = binary.AppendVarint(b, ms-sum.valid)
	b = binary.AppendUvarint(b, uint64(sum.number))
	b = binary.AppendUvarint(b, uint64(len(w.enc.texts)))
	for _, s := range w.enc.texts {
		b = appendText(b, s)
	}
	b = append(b, w.changes...)
	endFrame(b, begin)
	return b, sum
}

// change appends one change to w.changes and returns from when on it holds.
func (w *frameWriter) change(c *graph.Change, ms int64) int64 {
	e, old := elementOf(c)
	head := byte(c.Op)
	body := w.body[:0]
	switch {
	case isDeleted(c.Op):
	case isAdded(c.Op) || !old.known || e.updated < old.updated || e.revision != old.revision+1 || e.created != old.created:
		head |= flagFull
		if e.created != e.updated {
			head |= flagCreated
			body = binary.AppendVarint(body, e.updated-e.created)
		}
		body = w.full(body, &e)
	default:
		if e.origin != old.origin {
			head |= flagOrigin
			body = w.enc.text(body, e.origin)
		}
		if e.host != old.host {
			head |= flagHost
			body = w.enc.text(body, e.host)
		}
		body = w.difference(body, old.attrs, e.attrs)
	}
	w.body = body
	b := w.changes
	n, known := w.numbers[e.id]
	if known && head&flagFull == 0 && !isDeleted(c.Op) {
		b = binary.AppendUvarint(append(b, head|flagNumber), uint64(n))
	} else {
		// Whole states and ends can be read where what came before is lost.
		b = append(append(b, head), e.id[:]...)
		w.numbers[e.id] = w.next
		w.next++
	}
	b = binary.AppendVarint(b, ms-e.updated)
	b = binary.AppendUvarint(b, e.revision)
	b = binary.AppendUvarint(b, uint64(len(body)))
	w.changes = append(b, body...)
	return e.updated
}

// full appends all of an element but its ID, dates and revision.
func (w *frameWriter) full(b []byte, e *element) []byte {
	b = w.enc.text(w.enc.text(b, e.host), e.origin)
	if e.edge {
		b = append(append(b, e.parent[:]...), e.child[:]...)
		b = w.enc.text(b, e.relation)
	}
	return w.enc.attrs(b, e.attrs)
}

// difference appends the attributes that differ, those that are gone without a
// value.
func (w *frameWriter) difference(b []byte, old, attrs entity.Attrs) []byte {
	i, j := 0, 0
	for i < len(old) || j < len(attrs) {
		switch {
		case i < len(old) && j < len(attrs) && old[i].Key == attrs[j].Key:
			// What did not change is mostly the same memory too.
			if old[i].Value != attrs[j].Value && !old[i].Value.Equal(attrs[j].Value) {
				b = w.enc.value(w.enc.text(b, attrs[j].Key), attrs[j].Value)
			}
			i, j = i+1, j+1
		case j == len(attrs) || i < len(old) && old[i].Key < attrs[j].Key:
			b = append(w.enc.text(b, old[i].Key), tagNone)
			i++
		default:
			b = w.enc.value(w.enc.text(b, attrs[j].Key), attrs[j].Value)
			j++
		}
	}
	return b
}

// frame is a frame of changes that is being read.
type frame struct {
	summary
	table []entity.Value
	body  string // the changes
}

// readSummary reads what a frame says of its changes, and returns the rest.
func readSummary(payload string) (sum summary, rest string, err error) {
	var d decoder
	d.read(payload, nil)
	if d.byte() != kindChanges {
		d.fail()
	}
	sum.record = d.uint()
	sum.at = d.int()
	sum.revision = d.uint()
	sum.count = d.count(minChange)
	sum.valid = milliseconds(sum.at) - d.int()
	number := d.uint()
	if sum.count == 0 || number > maxNumber {
		d.fail()
	}
	sum.number = uint32(number)
	return sum, d.s[d.at:], d.err
}

const (
	// minChange is the length of the shortest change.
	minChange = 5
	// maxNumber bounds the numbers of elements in a file.
	maxNumber = 1 << 30
)

// readFrame reads a frame up to its changes.
func readFrame(payload string, d *decoder) (f frame, err error) {
	var rest string
	if f.summary, rest, err = readSummary(payload); err != nil {
		return f, err
	}
	d.read(rest, nil)
	n := d.count(2)
	if len(d.values) < n {
		d.values = make([]entity.Value, max(n, slab))
	}
	f.table = d.values[:n:n]
	d.values = d.values[n:]
	for i := range f.table {
		f.table[i] = entity.String(d.str())
	}
	f.body = d.s[d.at:]
	return f, d.err
}

// changeHead is what a change says of itself before its body.
type changeHead struct {
	op       graph.Op
	flags    byte
	id       entity.UUID // when it is not by number
	number   uint32
	valid    int64 // Unix ms
	revision uint64
	body     string
}

// changeHead reads one change up to its body, which is skipped. ms is the log
// time of its frame.
func (d *decoder) changeHead(ms int64, h *changeHead) {
	c := d.byte()
	h.op, h.flags = graph.Op(c&opMask), c&^opMask
	if c&flagNumber != 0 {
		n := d.uint()
		if n > maxNumber {
			d.fail()
		}
		h.number = uint32(n)
	} else {
		h.id = d.id()
	}
	h.valid = ms - d.int()
	h.revision = d.uint()
	h.body = d.take(d.count(1))
	if h.op < graph.NodeAdded || h.op > graph.EdgeDeleted {
		d.fail()
	}
}

// full reads a whole state.
func (d *decoder) full(h *changeHead, e *element) {
	e.id, e.edge, e.known = h.id, isEdge(h.op), true
	e.updated, e.revision = h.valid, h.revision
	e.created = h.valid
	if h.flags&flagCreated != 0 {
		e.created -= d.int()
	}
	e.host, e.origin = d.str(), d.str()
	if e.edge {
		e.parent, e.child = d.id(), d.id()
		e.relation = d.str()
	}
	e.attrs = append(e.attrs[:0], d.set(0)...)
}

// difference brings an element to its next state, and calls changed for every
// attribute that differs.
func (d *decoder) difference(h *changeHead, e *element, changed func(key string, old, now entity.Value)) {
	e.updated, e.revision = h.valid, h.revision
	if h.flags&flagOrigin != 0 {
		now := d.str()
		if changed != nil {
			changed(graph.FieldOrigin, entity.String(e.origin), entity.String(now))
		}
		e.origin = now
	}
	if h.flags&flagHost != 0 {
		now := d.str()
		if changed != nil {
			changed(graph.FieldHost, entity.String(e.host), entity.String(now))
		}
		e.host = now
	}
	for d.at < len(d.s) && d.err == nil {
		key := d.str()
		now := d.value(0)
		if d.err != nil {
			return
		}
		old := e.set(key, now)
		if changed != nil {
			changed(key, old, now)
		}
	}
}
