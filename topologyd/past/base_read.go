package past

import (
	"fmt"
	"os"

	"github.com/klauspost/compress/s2"

	"github.com/skein-net/skein/internal/entity"
)

// base is a base in memory, its blocks not yet decoded. It does not change.
type base struct {
	position
	nodes, edges int
	nodeBlocks   []block
	edgeBlocks   []block
	table        []entity.Value
	shapes       [][]string
}

// block holds the elements from number first on.
type block struct {
	edges  bool
	first  int
	count  int
	ids    string // 16 bytes each
	packed string
}

func (b *block) id(i int) (id entity.UUID) {
	copy(id[:], b.ids[i*16:])
	return id
}

// loadBase reads a base and checks that it is whole.
func loadBase(path string) (*base, error) {
	buf, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read base: %w", err)
	}
	b, err := parseBase(stringOf(buf))
	if err != nil {
		return nil, fmt.Errorf("read base %s: %w", path, err)
	}
	return b, nil
}

// parseBase checks all of a base and reads all of it but the blocks.
func parseBase(s string) (*base, error) {
	if _, err := checkHead(s, magicBase, kindBase); err != nil {
		return nil, err
	}
	b := &base{}
	ended := false
	for at := magicLen + 1; at < len(s); {
		payload, end, ok := frameAt(s, at)
		if !ok || ended {
			return nil, fmt.Errorf("%w at byte %d", errCorrupt, at)
		}
		if at == magicLen+1 != (payload[0] == kindBase) {
			return nil, fmt.Errorf("%w: no head", errCorrupt)
		}
		if err := b.frame(payload); err != nil {
			return nil, err
		}
		ended = payload[0] == kindEnd
		at = end
	}
	if n, e := total(b.nodeBlocks), total(b.edgeBlocks); !ended || b.nodes != n || b.edges != e {
		return nil, fmt.Errorf("%w: incomplete", errCorrupt)
	}
	return b, nil
}

func total(blocks []block) int {
	if len(blocks) == 0 {
		return 0
	}
	last := blocks[len(blocks)-1]
	return last.first + last.count
}

func (b *base) frame(payload string) error {
	var d decoder
	d.read(payload[1:], nil)
	switch payload[0] {
	case kindBase:
		b.position, b.nodes, b.edges = readBaseHead(&d)
	case kindNodes:
		b.nodeBlocks = appendBlock(&d, b.nodeBlocks, false)
	case kindEdges:
		b.edgeBlocks = appendBlock(&d, b.edgeBlocks, true)
	case kindTable:
		buf, err := unpack(payload[1:])
		if err != nil {
			return err
		}
		d.read(buf, nil)
		b.tables(&d)
	case kindEnd:
	default:
		d.fail()
	}
	return d.err
}

func readBaseHead(d *decoder) (p position, nodes, edges int) {
	d.byte() // the version
	p.log = d.str()
	p.revision, p.record, p.at = d.uint(), d.uint(), d.int()
	n, e := d.uint(), d.uint()
	if n > maxNumber || e > maxNumber {
		d.fail()
	}
	return p, int(n), int(e)
}

func appendBlock(d *decoder, blocks []block, edges bool) []block {
	n := d.count(16)
	x := block{edges: edges, first: total(blocks), count: n}
	x.ids = d.take(n * 16)
	x.packed = d.s[d.at:]
	if n == 0 || n > blockElements || x.first+n > maxNumber {
		d.fail()
	}
	return append(blocks, x)
}

func unpack(s string) (string, error) {
	n, err := s2.DecodedLen(bytesOf(s))
	if err != nil || n > maxBlock {
		return "", fmt.Errorf("%w: block", errCorrupt)
	}
	buf, err := s2.Decode(make([]byte, n), bytesOf(s))
	if err != nil {
		return "", fmt.Errorf("%w: block: %w", errCorrupt, err)
	}
	return stringOf(buf), nil
}

func (b *base) tables(d *decoder) {
	b.table = make([]entity.Value, d.count(1))
	for i := range b.table {
		b.table[i] = d.value(0)
	}
	b.shapes = make([][]string, d.count(1))
	for i := range b.shapes {
		var in decoder
		in.read(d.take(d.count(1)), b.table)
		var keys []string
		for in.at < len(in.s) {
			key := in.entry(in.uint()).Str()
			if len(keys) > 0 && keys[len(keys)-1] >= key {
				in.fail()
			}
			keys = append(keys, key)
		}
		if in.err != nil {
			d.fail()
		}
		b.shapes[i] = keys
	}
	if d.at != len(d.s) {
		d.fail()
	}
}

// nodeID returns the ID of a node by its number.
func (b *base) nodeID(n int64, d *decoder) (id entity.UUID) {
	if n < 0 || n >= int64(b.nodes) {
		d.fail()
		return id
	}
	i := int(n / blockElements) // or a later one, when some are not full
	for int(n) >= b.nodeBlocks[i].first+b.nodeBlocks[i].count {
		i++
	}
	return b.nodeBlocks[i].id(int(n) - b.nodeBlocks[i].first)
}

// elements decodes a block and calls fn for each of its elements, whose
// attributes may be kept, until it returns false.
func (b *base) elements(x *block, d *decoder, fn func(i int, e *element) bool) error {
	s, err := unpack(x.packed)
	if err != nil {
		return err
	}
	d.read(s, b.table)
	e := element{}
	at, last := milliseconds(b.at), int64(0)
	for i := range x.count {
		e.id, e.edge, e.known = x.id(i), x.edges, true
		if x.edges {
			parent := last + d.int()
			child := parent + d.int()
			e.parent, e.child = b.nodeID(parent, d), b.nodeID(child, d)
			e.relation = d.entry(d.uint()).Str()
			last = parent
		}
		shape := d.uint()
		if shape >= uint64(len(b.shapes)) {
			d.fail()
			break
		}
		e.host, e.origin = d.entry(d.uint()).Str(), d.entry(d.uint()).Str()
		e.created = at - d.int()
		e.updated = e.created + d.int()
		e.revision = d.uint()
		e.attrs = nil
		if keys := b.shapes[shape]; len(keys) > 0 {
			if len(keys) > len(d.s)-d.at {
				d.fail()
				break
			}
			e.attrs = d.room(len(keys))
			for k, key := range keys {
				e.attrs[k].Key = key
				if e.attrs[k].Value = d.value(0); e.attrs[k].Value.IsZero() {
					d.fail()
				}
			}
		}
		if d.err != nil || !fn(i, &e) {
			break
		}
	}
	return d.err
}
