// Package snapshot keeps a graph in one file, so that a restart need not read
// the whole event log: the table of joins, the states of all nodes, the histories
// of all edges, the deletions that are remembered, the graph's revision, and which
// record of which log is the last one in it.
//
// The file is made beside its place, synced and then renamed, so that there is
// always a whole one. It begins with a magic text and a version; every section
// is a run of length-prefixed items in the form of package wire; it ends with
// the CRC-32C of all before. The package reads and writes such files and does
// nothing else.
package snapshot

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"iter"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/wire"
)

const (
	magic   = "SKEINSNP"
	version = 3 // those before it are read too
	// maxItem bounds one node state.
	maxItem = 256 << 20
)

// ErrNewer tells that a snapshot was written by a newer program.
var ErrNewer = errors.New("written by a newer version")

// Position says what a snapshot stands for.
type Position struct {
	// Log is the ID of the log, "" when it is not known (version 1).
	Log string
	// Record is the number of the last log record that is in it.
	Record uint64
	// Revision is the revision of the graph.
	Revision uint64
}

// State is what a snapshot holds.
type State struct {
	Position
	View       *graph.View
	Tombstones []graph.Tombstone
	LogTime    time.Time
}

// Take takes the state of a graph, while nothing is applied to it.
func Take(g *graph.Graph, log string, record uint64) *State {
	s := &State{View: g.View()}
	s.Tombstones, s.LogTime = g.Tombstones()
	s.Position = Position{Log: log, Record: record, Revision: s.View.Revision()}
	return s
}

// Write writes a state to a file.
func Write(path string, s *State) (err error) {
	v := s.View
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*")
	if err != nil {
		return fmt.Errorf("write snapshot: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // gone already when only the directory could not be synced
			err = fmt.Errorf("write snapshot: %w", err)
		}
	}()
	w := newWriter(f)
	w.raw([]byte(magic))
	w.raw([]byte{version})
	head := wire.AppendUint(wire.AppendUint(nil, s.Record), s.Revision)
	w.item(wire.AppendInt(wire.AppendString(head, s.Log), s.LogTime.UnixNano()))
	joins := v.JoinStates()
	w.item(wire.AppendUint(nil, uint64(len(joins))))
	for i := range joins {
		w.b = appendJoin(w.b[:0], &joins[i])
		w.item(w.b)
	}
	w.item(wire.AppendUint(nil, uint64(v.NodeCount())))
	for n := range v.NodeStates() {
		w.b = appendNode(w.b[:0], &n)
		w.item(w.b)
	}
	w.item(wire.AppendUint(nil, uint64(v.EdgeCount())))
	for e := range v.EdgeStates() {
		w.b = appendEdge(w.b[:0], &e)
		w.item(w.b)
	}
	w.item(wire.AppendUint(nil, uint64(len(s.Tombstones))))
	for i := range s.Tombstones {
		w.b = appendTombstone(w.b[:0], &s.Tombstones[i])
		w.item(w.b)
	}
	if err := errors.Join(w.finish(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// Clean removes what writers of the snapshot left behind that were killed. Call
// it when nobody writes.
func Clean(path string) error {
	old, err := filepath.Glob(path + ".new-*")
	for _, name := range old {
		err = errors.Join(err, os.Remove(name))
	}
	if err != nil {
		return fmt.Errorf("remove unfinished snapshots: %w", err)
	}
	return nil
}

// syncDir makes a rename last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Read reads a snapshot and puts it into an empty graph, whose facets count as
// reported at the time now. The error is [os.ErrNotExist] when there is none;
// on any error the graph must be thrown away.
func Read(path string, g *graph.Graph, now time.Time) (pos Position, err error) {
	f, err := os.Open(path)
	if err != nil {
		return pos, fmt.Errorf("read snapshot: %w", err)
	}
	defer f.Close()
	if pos, err = newReader(f).read(f, g, now); err != nil {
		return pos, fmt.Errorf("read snapshot %s: %w", path, err)
	}
	return pos, nil
}

// head reads what comes before the nodes.
func (r *reader) head() (pos Position, found byte, logged time.Time, err error) {
	if head := r.raw(len(magic) + 1); r.err == nil && string(head[:len(magic)]) != magic {
		return pos, 0, logged, errors.New("not a snapshot")
	} else if r.err == nil {
		if found = head[len(magic)]; found == 0 || found > version {
			return pos, found, logged, fmt.Errorf("version %d: %w; this one reads up to version %d, so use a newer one", found, ErrNewer, version)
		}
	}
	r.item(func(in *wire.Reader) {
		pos.Record, pos.Revision = in.Uint(), in.Uint()
		if found > 1 {
			pos.Log, logged = in.String(), time.Unix(0, in.Int())
		}
	})
	return pos, found, logged, r.err
}

// read restores the nodes as they come. Their histories and those of the edges
// can be restored only when all nodes are there; rather than be kept until then,
// those of the nodes are read once more from the file.
func (r *reader) read(f io.ReaderAt, g *graph.Graph, now time.Time) (pos Position, err error) {
	pos, found, logged, err := r.head()
	if err != nil {
		return pos, err
	}
	g.RestoreJoins(r.joins(found), now)
	for batch := range r.nodes(found) {
		for i := range batch {
			g.RestoreNode(&batch[i], now)
		}
	}
	if r.err != nil {
		return pos, r.err
	}
	again := newReader(io.NewSectionReader(f, 0, math.MaxInt64))
	if _, _, _, err := again.head(); err != nil {
		return pos, err
	}
	again.joins(found)
	g.RestoreHistory(histories(again, found), edges(r), pos.Revision)
	var tombs []graph.Tombstone
	if found > 1 {
		for in := range r.list() {
			tombs = append(tombs, readTombstone(in))
		}
	}
	want := r.sum.Sum32()
	if sum := r.raw(4); r.err == nil && binary.LittleEndian.Uint32(sum) != want {
		return pos, fmt.Errorf("%w: checksum does not match", wire.ErrCorrupt)
	}
	if err := cmp.Or(r.err, again.err); err != nil {
		return pos, err
	}
	if found > 1 {
		g.RestoreTombstones(tombs, logged)
	}
	return pos, nil
}

// joins reads the table of joins.
func (r *reader) joins(found byte) (list []graph.JoinState) {
	if found < 3 {
		return nil
	}
	for in := range r.list() {
		if j := readJoin(in); in.Err() == nil {
			list = append(list, j)
		}
	}
	return list
}

// readAhead is how many nodes are decoded together, beside those before them
// being restored.
const readAhead = 256

// nodes reads the section of nodes in a goroutine of its own, which has ended,
// and has left its error in r, when the channel is closed.
func (r *reader) nodes(found byte) <-chan []graph.NodeState {
	batches := make(chan []graph.NodeState, 2)
	go func() {
		defer close(batches)
		var batch []graph.NodeState
		for in := range r.list() {
			n := readNode(in, found)
			if in.Err() != nil {
				break
			}
			if batch = append(batch, n); len(batch) == readAhead {
				batches <- batch
				batch = make([]graph.NodeState, 0, readAhead)
			}
		}
		batches <- batch
	}()
	return batches
}

func histories(r *reader, found byte) iter.Seq[graph.NodeState] {
	return func(yield func(graph.NodeState) bool) {
		for in := range r.list() {
			if n := readHistory(in, found); in.Err() == nil && !yield(n) {
				return
			}
		}
	}
}

func edges(r *reader) iter.Seq[graph.EdgeState] {
	return func(yield func(graph.EdgeState) bool) {
		for in := range r.list() {
			if e := readEdge(in); in.Err() == nil && !yield(e) {
				return
			}
		}
	}
}

// writer writes items and sums them up; its first error sticks.
type writer struct {
	file *os.File
	out  *bufio.Writer
	sum  hash.Hash32
	b    []byte
	err  error

	items int // so far
}

func newWriter(f *os.File) *writer {
	return &writer{file: f, out: bufio.NewWriterSize(f, 1<<20), sum: crc32.New(crc32.MakeTable(crc32.Castagnoli))}
}

func (w *writer) raw(b []byte) {
	if w.err == nil {
		w.sum.Write(b)
		_, w.err = w.out.Write(b)
	}
}

// yieldEvery is after how many items a writer lets others go first: it is in no
// hurry, and a query would wait for the end of its turn, ten milliseconds.
const yieldEvery = 64

func (w *writer) item(b []byte) {
	if w.items++; w.items%yieldEvery == 0 {
		runtime.Gosched()
	}
	var head [binary.MaxVarintLen64]byte
	w.raw(head[:binary.PutUvarint(head[:], uint64(len(b)))])
	w.raw(b)
}

func (w *writer) finish() error {
	w.raw(binary.LittleEndian.AppendUint32(nil, w.sum.Sum32()))
	if w.err != nil {
		return w.err
	}
	return errors.Join(w.out.Flush(), w.file.Sync())
}

// reader is the reverse of writer.
type reader struct {
	in  *bufio.Reader
	sum hash.Hash32
	b   []byte // the item that is read
	err error
}

func newReader(in io.Reader) *reader {
	return &reader{in: bufio.NewReaderSize(in, 1<<20), sum: crc32.New(crc32.MakeTable(crc32.Castagnoli))}
}

// keepItem is the longest item whose memory is used again.
const keepItem = 1 << 20

// raw reads n bytes, which hold until the next call.
func (r *reader) raw(n int) []byte {
	if cap(r.b) < n || cap(r.b) > keepItem {
		r.b = make([]byte, max(n, 4096))
	}
	b := r.b[:n]
	if r.err == nil {
		_, r.err = io.ReadFull(r.in, b)
	}
	if r.err != nil {
		clear(b) // who looks at the error later reads nothing of before
		return b
	}
	r.sum.Write(b)
	return b
}

// ReadByte lets the length of an item be read.
func (r *reader) ReadByte() (byte, error) {
	b := r.raw(1)
	return b[0], r.err
}

func (r *reader) item(fn func(*wire.Reader)) {
	n, err := binary.ReadUvarint(r)
	if r.err == nil && err != nil {
		r.err = err
	}
	if r.err == nil && n > maxItem {
		r.err = fmt.Errorf("%w: item of %d bytes", wire.ErrCorrupt, n)
	}
	if r.err != nil {
		return
	}
	in := wire.NewReader(r.raw(int(n)))
	if r.err != nil {
		return
	}
	fn(in)
	r.err = in.Err()
}

// list yields the items of a section; what could not be read ends it.
func (r *reader) list() iter.Seq[*wire.Reader] {
	return func(yield func(*wire.Reader) bool) {
		var n uint64
		r.item(func(in *wire.Reader) { n = in.Uint() })
		for more := true; n > 0 && r.err == nil && more; n-- {
			r.item(func(in *wire.Reader) { more = yield(in) })
		}
	}
}
