package past

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"github.com/skein-net/skein/internal/entity"
)

// fileInfo is what is known of a file of changes without reading all of it.
type fileInfo struct {
	path   string
	log    string // ID of the event log, "" when its head is damaged
	start  uint64 // the revision before its first change
	last   uint64 // revision of its last change
	at     int64  // log time of its last change, Unix ns
	record uint64 // log record of its last change
	valid  int64  // smallest time from which one of its changes is valid, Unix ms
	first  int64  // log time of its first change, Unix ns
	count  int    // changes
	size   int64  // bytes that are whole
	// Where the filter of its elements is; 0: it has none.
	filterAt, filterLen int64
	sealed              bool
}

// span is a stretch of revisions, both ends included.
type span struct{ from, to uint64 }

// changes is a file of changes in memory.
type changes struct {
	fileInfo
	s string
	// lost are the revisions in frames that are damaged, as far as each has met
	// them.
	lost []span
}

// trailer ends a file that is complete: the length of the foot before it, and
// a mark.
const (
	trailerLen  = 8
	trailerMark = "PCHE"
)

// appendChangesHead appends all that a file of changes has before its first
// change.
func appendChangesHead(b []byte, log string, start uint64) []byte {
	b = append(b, fileHead(magicChanges)...)
	begin := len(b)
	b = append(beginFrame(b, kindHead), version)
	b = binary.AppendUvarint(appendText(b, log), start)
	endFrame(b, begin)
	return b
}

// appendFoot appends the filter of a file's elements and what is known of it.
func appendFoot(b []byte, at int64, info *fileInfo, f filter) []byte {
	begin := len(b)
	b = append(beginFrame(b, kindFilter), f...)
	endFrame(b, begin)
	info.filterAt, info.filterLen = at+int64(begin), int64(len(b)-begin)
	begin = len(b)
	b = beginFrame(b, kindFoot)
	b = binary.AppendUvarint(b, info.last)
	b = binary.AppendVarint(b, info.at)
	b = binary.AppendUvarint(b, info.record)
	b = binary.AppendVarint(b, info.valid)
	b = binary.AppendVarint(b, info.first)
	b = binary.AppendUvarint(b, uint64(info.count))
	b = binary.AppendUvarint(b, uint64(info.filterAt))
	b = binary.AppendUvarint(b, uint64(info.filterLen))
	endFrame(b, begin)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(b)-begin))
	info.sealed, info.size = true, at+int64(len(b))
	return append(b, trailerMark...)
}

// readHead reads the head of a file of changes.
func (c *changes) readHead() error {
	payload, err := checkHead(c.s, magicChanges, kindHead)
	if err != nil || payload == "" {
		return err
	}
	var d decoder
	d.read(payload[2:], nil)
	c.log, c.start = d.str(), d.uint()
	return d.err
}

// each calls fn for every frame of changes that is whole, in order, and notes
// the revisions of those that are not.
func (c *changes) each(fn func(sum summary, payload string) error) error {
	last, damaged := c.start, false
	for at := magicLen + 1; at < len(c.s); {
		payload, end, ok := frameAt(c.s, at)
		if !ok {
			if c.sealed && len(c.s)-at == trailerLen {
				break
			}
			damaged = true
			if _, payload, end, ok = nextFrame(c.s, at); !ok {
				break
			}
		}
		at = end
		if payload[0] != kindChanges {
			continue
		}
		sum, _, err := readSummary(payload)
		if err != nil {
			return fmt.Errorf("%s: %w", c.path, err)
		}
		if damaged && sum.revision > last+1 {
			c.lost = append(c.lost, span{last + 1, sum.revision - 1})
		}
		damaged, last = false, sum.last()
		if err := fn(sum, payload); err != nil {
			return fmt.Errorf("%s, revision %d: %w", c.path, sum.revision, err)
		}
	}
	if damaged && c.last > last {
		c.lost = append(c.lost, span{last + 1, c.last})
	}
	return nil
}

// load reads what was whole of a file when the info was taken.
func (i fileInfo) load() (*changes, error) {
	f, err := os.Open(i.path)
	if err != nil {
		return nil, fmt.Errorf("read changes: %w", err)
	}
	defer f.Close()
	buf := make([]byte, i.size)
	if n, err := f.ReadAt(buf, 0); err != nil && n < len(buf) {
		return nil, fmt.Errorf("read changes: %w", err)
	}
	return &changes{fileInfo: i, s: stringOf(buf)}, nil
}

// readFoot reads what is known of a file from its end, false when it has not
// got one: it was not completed, or is damaged there.
func readFoot(path string) (info fileInfo, ok bool) {
	f, err := os.Open(path)
	if err != nil {
		return info, false
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return info, false
	}
	size := st.Size()
	end := make([]byte, min(size, 512))
	if _, err := f.ReadAt(end, size-int64(len(end))); err != nil {
		return info, false
	}
	head := make([]byte, min(size, 4096))
	if _, err := f.ReadAt(head, 0); err != nil {
		return info, false
	}
	h := changes{s: stringOf(head)}
	if err := h.readHead(); err != nil || len(end) < trailerLen || h.log == "" && h.start == 0 && !headWhole(h.s) {
		return info, false
	}
	mark := len(end) - trailerLen
	at := mark - int(binary.LittleEndian.Uint32(end[mark:]))
	payload, stop, whole := frameAt(stringOf(end), at)
	if string(end[mark+4:]) != trailerMark || !whole || stop != mark || payload[0] != kindFoot {
		return info, false
	}
	var d decoder
	d.read(payload[1:], nil)
	info = fileInfo{path: path, log: h.log, start: h.start, size: size, sealed: true}
	info.last, info.at, info.record = d.uint(), d.int(), d.uint()
	info.valid, info.first, info.count = d.int(), d.int(), int(min(d.uint(), maxNumber))
	info.filterAt, info.filterLen = int64(d.uint()), int64(d.uint())
	return info, d.err == nil
}

func headWhole(s string) bool {
	_, _, ok := frameAt(s, magicLen+1)
	return ok
}

// errEmpty: a file without a single change, which a crash left.
var errEmpty = errors.New("no changes in it")

// scan reads a file that was not completed: what is whole of it, and how many
// bytes after that are not.
func scan(path string) (c *changes, f filter, torn int64, err error) {
	buf, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, 0, fmt.Errorf("read changes: %w", err)
	}
	c = &changes{fileInfo: fileInfo{path: path, size: int64(len(buf))}, s: stringOf(buf)}
	if err := c.readHead(); err != nil {
		if errors.Is(err, ErrNewer) {
			return nil, nil, 0, fmt.Errorf("%s: %w", path, err)
		}
		c.start = 0
	}
	whole := int64(0)
	var ids idCollector
	headless := c.log == "" && !headWhole(c.s)
	err = c.each(func(sum summary, payload string) error {
		if c.count == 0 {
			if headless {
				c.start, c.lost = sum.revision-1, nil
			}
			c.first, c.valid = sum.at, sum.valid
		}
		c.last, c.at, c.record = sum.last(), sum.at, sum.record
		c.valid = min(c.valid, sum.valid)
		c.count += sum.count
		whole = int64(offsetIn(c.s, payload) + len(payload))
		return ids.frame(payload)
	})
	if err != nil {
		return nil, nil, 0, err
	}
	if c.count == 0 {
		return c, nil, c.size, errEmpty
	}
	torn = c.size - whole
	c.size, c.s = whole, c.s[:whole]
	return c, ids.filter(), torn, nil
}

// idCollector gathers the IDs that a file names.
type idCollector struct {
	d   decoder
	ids map[entity.UUID]struct{}
}

func (x *idCollector) frame(payload string) error {
	if x.ids == nil {
		x.ids = make(map[entity.UUID]struct{})
	}
	fr, err := readFrame(payload, &x.d)
	if err != nil {
		return err
	}
	x.d.read(fr.body, fr.table)
	var h changeHead
	for range fr.count {
		if x.d.changeHead(0, &h); h.flags&flagNumber == 0 {
			x.ids[h.id] = struct{}{}
		}
	}
	return x.d.err
}

func (x *idCollector) filter() filter {
	f := newFilter(len(x.ids))
	for id := range x.ids {
		f.add(&id)
	}
	return f
}
