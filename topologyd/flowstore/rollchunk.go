package flowstore

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"

	"github.com/klauspost/compress/zstd"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
)

// slots are the parts of a combination.
const (
	slotPlace = iota
	slotService
	slotA
	slotB
	slots
)

// Columns of a chunk behind those of the slots.
const (
	columnABPackets = slots + iota
	columnABBytes
	columnBAPackets
	columnBABytes
	columnReports
	chunkColumns
)

// slotFields are the fields of each slot, by their names in queries, in the
// order of the values of an entry.
func slotFields() [slots][]string {
	return [slots][]string{
		slotPlace:   {"Host", "Interface", "CaptureID", "NodeTID"},
		slotService: {"Application", "Network.Protocol", "Transport.Protocol", "LayersPath", "Transport.B"},
		slotA:       {"Network.A"},
		slotB:       {"Network.B"},
	}
}

// dictionary returns the dictionary of a slot; both addresses share one.
func dictionary(slot int) int { return min(slot, slotA) }

const dictionaries = 3

// chunk is a part of a tally as it is stored: rows of numbers, of which the
// first are those of entries of dictionaries.
type chunk struct {
	rows int
	// entries are the values of each entry, as rows of reports have them.
	entries [dictionaries][][]string
	columns [chunkColumns][]int64
}

// Bounds of a chunk. The storage library takes rows of up to 2 MiB.
const (
	maxChunkRows = 32 << 10
	maxChunk     = 768 << 10
	// maxUnpacked bounds what a chunk may be before compression.
	maxUnpacked  = 64 << 20
	chunkVersion = 1
)

var errChunk = errors.New("a rollup is damaged")

// chunker makes chunks and reads them. Its methods may be called concurrently.
type chunker struct {
	table  *flowrecord.Table
	fields [slots][]*flowrecord.Field
	zip    *zstd.Encoder
	unzip  *zstd.Decoder
}

func newChunker(table *flowrecord.Table) (*chunker, error) {
	c := &chunker{table: table}
	for slot, names := range slotFields() {
		for _, name := range names {
			c.fields[slot] = append(c.fields[slot], table.Query(name))
		}
	}
	var err error
	if c.zip, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(2)); err != nil {
		return nil, fmt.Errorf("make compressor: %w", err)
	}
	if c.unzip, err = zstd.NewReader(nil, zstd.WithDecoderMaxMemory(maxUnpacked), zstd.WithDecoderConcurrency(0)); err != nil {
		return nil, fmt.Errorf("make decompressor: %w", err)
	}
	return c, nil
}

// values returns what rows have in the fields of a slot.
func (c *chunker) values(slot int, r *flowrecord.Record) []string {
	out := make([]string, len(c.fields[slot]))
	for i, f := range c.fields[slot] {
		if v := f.Get(r); f.Kind == entity.KindString {
			out[i] = v.Str()
		} else if !v.IsZero() {
			out[i] = strconv.FormatInt(v.Int(), 10)
		}
	}
	return out
}

// chunk makes a chunk of some rows of a tally.
func (c *chunker) chunk(t *tally, rows []uint32) *chunk {
	out := &chunk{rows: len(rows)}
	for i := range out.columns {
		out.columns[i] = make([]int64, 0, len(rows))
	}
	places, services, addresses := make(map[uint32]int64), make(map[uint32]int64), make(map[netip.Addr]int64)
	for _, i := range rows {
		k, s := &t.combinations[i], &t.sums[i]
		p, ok := places[k.place]
		if !ok {
			x := &t.places[k.place]
			p = out.entry(slotPlace, c.values(slotPlace, &flowrecord.Record{HostID: x.host, Interface: x.iface, CaptureID: x.capture, NodeTID: x.node}))
			places[k.place] = p
		}
		v, ok := services[k.service]
		if !ok {
			x := &t.services[k.service]
			v = out.entry(slotService, c.values(slotService, &flowrecord.Record{Application: x.app, NetworkProtocol: x.network,
				TransportProtocol: x.transport, LayersPath: x.layers, TransportB: x.port}))
			services[k.service] = v
		}
		address := func(a netip.Addr) int64 {
			n, ok := addresses[a]
			if !ok {
				text := ""
				if a.IsValid() {
					text = a.String()
				}
				n = out.entry(slotA, []string{text})
				addresses[a] = n
			}
			return n
		}
		for column, n := range [chunkColumns]int64{p, v, address(k.a), address(k.b), s.abPackets, s.abBytes, s.baPackets, s.baBytes, s.reports} {
			out.columns[column] = append(out.columns[column], n)
		}
	}
	return out
}

func (c *chunk) entry(dict int, values []string) int64 {
	c.entries[dict] = append(c.entries[dict], values)
	return int64(len(c.entries[dict]) - 1)
}

// whole returns a tally as one chunk.
func (c *chunker) whole(t *tally) *chunk {
	rows := make([]uint32, len(t.combinations))
	for i := range rows {
		rows[i] = uint32(i) //nolint:gosec // bounded
	}
	return c.chunk(t, rows)
}

// pack returns a tally as the values of rows.
func (c *chunker) pack(t *tally) []string {
	rows := make([]uint32, len(t.combinations))
	for i := range rows {
		rows[i] = uint32(i) //nolint:gosec // bounded
	}
	slices.SortFunc(rows, func(i, j uint32) int {
		a, b := &t.combinations[i], &t.combinations[j]
		return cmp.Or(cmp.Compare(a.place, b.place), a.a.Compare(b.a), a.b.Compare(b.b), cmp.Compare(a.service, b.service))
	})
	var out []string
	for part := range slices.Chunk(rows, maxChunkRows) {
		out = c.packRows(t, part, out)
	}
	return out
}

// packRows packs rows as one chunk, as two when that would be too large.
func (c *chunker) packRows(t *tally, rows []uint32, to []string) []string {
	text := base64.RawURLEncoding.EncodeToString(c.zip.EncodeAll(c.chunk(t, rows).append(nil), nil))
	if len(text) > maxChunk && len(rows) > 1 {
		return c.packRows(t, rows[len(rows)/2:], c.packRows(t, rows[:len(rows)/2], to))
	}
	return append(to, text)
}

// append writes a chunk: the version, the number of rows, the dictionaries and
// the columns, each with its length in front.
func (c *chunk) append(b []byte) []byte {
	b = binary.AppendUvarint(append(b, chunkVersion), uint64(c.rows)) //nolint:gosec // not negative
	for _, entries := range c.entries {
		b = binary.AppendUvarint(b, uint64(len(entries)))
		for _, values := range entries {
			for _, v := range values {
				b = append(binary.AppendUvarint(b, uint64(len(v))), v...)
			}
		}
	}
	var column []byte
	for _, values := range c.columns {
		column = column[:0]
		for _, v := range values {
			column = binary.AppendVarint(column, v)
		}
		b = append(binary.AppendUvarint(b, uint64(len(column))), column...)
	}
	return b
}

// unpack reads the value of a row. Columns that are not wanted are left empty.
func (c *chunker) unpack(text string, wanted *[chunkColumns]bool) (*chunk, error) {
	packed, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errChunk, err)
	}
	b, err := c.unzip.DecodeAll(packed, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errChunk, err)
	}
	return c.parse(b, wanted)
}

// parse reads what append wrote. The chunk shares its strings with b.
func (c *chunker) parse(b []byte, wanted *[chunkColumns]bool) (*chunk, error) {
	if len(b) == 0 || b[0] != chunkVersion {
		return nil, fmt.Errorf("%w: unknown version", errChunk)
	}
	r := reader{text: string(b), b: b, at: 1}
	out := &chunk{rows: r.count()}
	for d := range out.entries {
		width := len(c.fields[d])
		n := r.count()
		if n*width > len(b)-r.at { // a value has a byte at least
			return nil, fmt.Errorf("%w: wrong lengths", errChunk)
		}
		values := make([]string, n*width)
		for i := range values {
			values[i] = r.string()
		}
		out.entries[d] = slices.Collect(slices.Chunk(values, width))
	}
	for i := range out.columns {
		column := r.string()
		if !wanted[i] || r.bad {
			continue
		}
		limit := int64(-1)
		if i < slots {
			limit = int64(len(out.entries[dictionary(i)]))
		}
		if out.columns[i] = r.column(column, out.rows, limit); r.bad {
			break
		}
	}
	if r.bad || r.at != len(b) {
		return nil, fmt.Errorf("%w: wrong lengths", errChunk)
	}
	return out, nil
}

// reader reads a chunk; bad is set when there is less than it says.
type reader struct {
	text string
	b    []byte
	at   int
	bad  bool
}

// count reads a number of things that need a byte each.
func (r *reader) count() int {
	n, k := binary.Uvarint(r.b[r.at:])
	if k <= 0 || n > uint64(len(r.b)-r.at) {
		r.bad = true
		return 0
	}
	r.at += k
	return int(n) //nolint:gosec // bounded
}

func (r *reader) string() string {
	n := r.count()
	if n > len(r.b)-r.at {
		r.bad = true
		return ""
	}
	r.at += n
	return r.text[r.at-n : r.at]
}

// column reads rows numbers; from 0 to below limit unless that is negative.
func (r *reader) column(s string, rows int, limit int64) []int64 {
	b := r.b[r.at-len(s) : r.at]
	if rows > len(b) {
		r.bad = true
		return nil
	}
	out := make([]int64, rows)
	for i := range out {
		if len(b) > 0 && b[0] < 0x80 { // most are small
			out[i] = int64(b[0]>>1) ^ -int64(b[0]&1)
			b = b[1:]
		} else {
			n, k := binary.Varint(b)
			if k <= 0 {
				r.bad = true
				return nil
			}
			out[i], b = n, b[k:]
		}
		if limit >= 0 && (out[i] < 0 || out[i] >= limit) {
			r.bad = true
			return nil
		}
	}
	r.bad = r.bad || len(b) > 0
	return out
}
