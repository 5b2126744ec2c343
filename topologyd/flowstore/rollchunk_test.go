package flowstore

import (
	"math"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/skein-net/skein/internal/flowrecord"
)

func testChunker(t testing.TB) *chunker {
	t.Helper()
	c, err := newChunker(flowrecord.NewTable())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func allColumns() *[chunkColumns]bool {
	var all [chunkColumns]bool
	for i := range all {
		all[i] = true
	}
	return &all
}

// lines are the rows of chunks with their values, sorted.
func lines(cs ...*chunk) []string {
	var out []string
	for _, c := range cs {
		for i := range c.rows {
			line := ""
			for slot := range slots {
				line += strings.Join(c.entries[dictionary(slot)][c.columns[slot][i]], "\x01") + "\x02"
			}
			for _, column := range c.columns[slots:] {
				line += show(column[i]) + " "
			}
			out = append(out, line)
		}
	}
	slices.Sort(out)
	return out
}

func testTally(n int) *tally {
	w := newWorld(40, 1_700_000_000_000_000_000, 1)
	w.odd = true
	t := newTally()
	for range n {
		for _, r := range w.flow() {
			t.add(&r, rowTime(&r))
		}
	}
	return t
}

func TestTally(t *testing.T) {
	x := newTally()
	r := flowrecord.Record{HostID: "h", NetworkA: netip.MustParseAddr("10.0.0.1"), Update: flowrecord.Metric{ABBytes: math.MaxInt64 - 1, BAPackets: 2}}
	for _, at := range []int64{5, 3, 9} {
		x.add(&r, at)
	}
	s := x.snapshot()
	r.NetworkA = netip.MustParseAddr("::ffff:10.0.0.1") // another address
	x.add(&r, 10)
	if len(s.sums) != 1 || s.first != 3 || s.last != 9 || s.sums[0] != (sums{abBytes: math.MaxInt64, baPackets: 6, reports: 3}) {
		t.Errorf("snapshot %+v", s)
	}
	if len(x.sums) != 2 || x.last != 10 || len(x.places) != 1 || len(x.services) != 1 {
		t.Errorf("tally %+v", x)
	}
}

func TestMinuteOf(t *testing.T) {
	for when, want := range map[int64]int64{0: 0, 1: 0, minuteLength - 1: 0, minuteLength: minuteLength, -1: -minuteLength, -minuteLength: -minuteLength, -minuteLength - 1: -2 * minuteLength} {
		if got := minuteOf(when); got != want {
			t.Errorf("minute of %d is %d, want %d", when, got, want)
		}
	}
}

func TestChunks(t *testing.T) {
	c := testChunker(t)
	x := testTally(500)
	want := lines(c.whole(x))
	unpacked := func(parts []string) (out []*chunk) {
		for _, p := range parts {
			if len(p) > maxChunk {
				t.Errorf("a part of %d bytes", len(p))
			}
			u, err := c.unpack(p, allColumns())
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, u)
		}
		return out
	}
	if got := lines(unpacked(c.pack(x))...); !slices.Equal(got, want) || len(got) != len(x.sums) {
		t.Errorf("%d rows, want %d, or others", len(got), len(want))
	}
	one := [chunkColumns]bool{slotB: true, columnReports: true}
	u, err := c.unpack(c.pack(x)[0], &one)
	if err != nil || len(u.columns[slotB]) != len(x.sums) || u.columns[slotA] != nil || len(u.columns[columnReports]) != len(x.sums) {
		t.Errorf("some columns: %v", err)
	}
	// Text that does not get smaller makes several parts.
	w := newWorld(41, 1, 1)
	large := newTally()
	for range 40 {
		r := w.flow()[0]
		b := make([]byte, 40<<10)
		for i := range b {
			b[i] = byte(w.rng.Uint32())
		}
		r.Application = string(b)
		large.add(&r, 1)
	}
	parts := c.pack(large)
	if got := lines(unpacked(parts)...); !slices.Equal(got, lines(c.whole(large))) || len(parts) < 2 {
		t.Errorf("%d parts, or others", len(parts))
	}
	for _, bad := range []string{"", "x", "!", c.pack(x)[0][1:]} {
		if _, err := c.unpack(bad, allColumns()); err == nil {
			t.Errorf("%.10q: no error", bad)
		}
	}
}

// FuzzChunk reads anything: no panic, nothing out of bounds, and what was read
// reads the same after it was written again.
func FuzzChunk(f *testing.F) {
	c := testChunker(f)
	f.Add(c.whole(testTally(3)).append(nil))
	f.Add((&chunk{}).append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := c.parse(b, allColumns())
		if err != nil {
			return
		}
		want := lines(x)
		y, err := c.parse(x.append(nil), allColumns())
		if err != nil || !slices.Equal(lines(y), want) {
			t.Errorf("written again: %v", err)
		}
	})
}
