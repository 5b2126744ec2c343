package past

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/s2"
	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
)

// sampleFiles makes a small store and returns a file of changes and a base.
func sampleFiles(f *testing.F) (changes, base []byte) {
	f.Helper()
	w := newWorld(1)
	w.settle, w.entities = true, 4
	cfg := config(f)
	cfg.SegmentChanges = 20
	full(f, cfg, w, 6)
	return read(f, files(f, cfg.Dir, "*"+suffixChanges)[0]), read(f, files(f, cfg.Dir, "*"+suffixBase)[0])
}

// payloads returns the payloads of a file's frames of a kind.
func payloads(file []byte, kind byte) (out []string) {
	for at := magicLen + 1; ; {
		payload, end, ok := frameAt(string(file), at)
		if !ok {
			return out
		}
		if payload[0] == kind {
			out = append(out, payload)
		}
		at = end
	}
}

// FuzzFrame reads a frame whose checksum is right with all that reads frames:
// what it holds is used or refused, and never more than the input can hold.
func FuzzFrame(f *testing.F) {
	sample, _ := sampleFiles(f)
	for _, p := range payloads(sample, kindChanges) {
		f.Add([]byte(p))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		file := appendChangesHead(nil, "log", 0)
		for range 2 { // the same numbers twice
			begin := len(file)
			file = append(beginFrame(file, kindChanges), payload[min(1, len(payload)):]...)
			endFrame(file, begin)
		}
		c := &changes{fileInfo: fileInfo{path: "fuzz", size: int64(len(file))}, s: string(file)}
		for _, all := range []bool{false, true} {
			fold := newFold(0, math.MaxInt64)
			fold.all = all
			if fold.file(c) != nil {
				continue
			}
			require.LessOrEqual(t, len(fold.refs)*minChange, len(file))
			require.LessOrEqual(t, len(fold.numbers)*minNamed, len(file)+minNamed)
			if all {
				if v, err := fold.slice(t.Context(), nil, 0, math.MaxInt64-1, DefaultConfig("")); err == nil {
					dump(v)
				}
			} else if v, err := fold.view(t.Context(), nil, 1); err == nil {
				require.LessOrEqual(t, v.NodeCount()*minChange, len(file))
				dump(v)
			}
		}
		fold := newFold(0, 0)
		var order []uint32
		_ = fold.name(c, &order)
		var ids idCollector
		_ = ids.frame(string(payload))
	})
}

// FuzzFile opens a store with one file of changes that holds anything, asks
// it, and closes it; what is whole must be readable again.
func FuzzFile(f *testing.F) {
	sample, _ := sampleFiles(f)
	f.Add(sample)
	f.Add(sample[:len(sample)/2])
	f.Add([]byte(magicChanges))
	f.Fuzz(func(t *testing.T, file []byte) {
		dir := t.TempDir()
		path := filepath.Join(dir, "00000000000000000000"+suffixChanges)
		require.NoError(t, os.WriteFile(path, file, 0o600))
		s, err := Open(DefaultConfig(dir), quiet())
		if err != nil {
			return
		}
		v, err := s.At(t.Context(), t0.AddDate(100, 0, 0))
		revision := s.Revision()
		require.NoError(t, s.Close())
		again, openErr := Open(DefaultConfig(dir), quiet())
		require.NoError(t, openErr)
		require.Equal(t, revision, again.Revision())
		if err == nil {
			w, err := again.At(t.Context(), t0.AddDate(100, 0, 0))
			require.NoError(t, err)
			require.Equal(t, dump(v), dump(w))
		}
		require.NoError(t, again.Close())
	})
}

// FuzzBase reads a base of which all checksums are right.
func FuzzBase(f *testing.F) {
	_, sample := sampleFiles(f)
	get := func(kind byte) []byte {
		if p := payloads(sample, kind); len(p) > 0 {
			return []byte(p[0][1:])
		}
		return nil
	}
	split := func(b []byte) (ids, body []byte) {
		n, size := binary.Uvarint(b)
		ids, packed := b[size:size+int(n)*16], b[size+int(n)*16:]
		body, err := s2.Decode(nil, packed)
		require.NoError(f, err)
		return ids, body
	}
	nodeIDs, nodes := split(get(kindNodes))
	edgeIDs, edges := split(get(kindEdges))
	table, err := s2.Decode(nil, get(kindTable))
	require.NoError(f, err)
	f.Add(nodeIDs, nodes, edgeIDs, edges, table)
	f.Fuzz(func(t *testing.T, nodeIDs, nodes, edgeIDs, edges, table []byte) {
		b := fileHead(magicBase)
		frame := func(kind byte, payload ...[]byte) {
			begin := len(b)
			b = beginFrame(b, kind)
			for _, p := range payload {
				b = append(b, p...)
			}
			endFrame(b, begin)
		}
		n, e := uint64(len(nodeIDs)/16), uint64(len(edgeIDs)/16)
		head := appendText([]byte{version}, "")
		for _, u := range []uint64{7, 7, 0, n, e} {
			head = binary.AppendUvarint(head, u)
		}
		frame(kindBase, head)
		if n > 0 {
			frame(kindNodes, binary.AppendUvarint(nil, n), nodeIDs[:n*16], s2.Encode(nil, nodes))
		}
		if e > 0 {
			frame(kindEdges, binary.AppendUvarint(nil, e), edgeIDs[:e*16], s2.Encode(nil, edges))
		}
		frame(kindTable, s2.Encode(nil, table))
		frame(kindEnd)
		root, err := parseBase(string(b))
		if err != nil {
			require.ErrorIs(t, err, errCorrupt)
			return
		}
		v, err := newFold(0, 0).view(t.Context(), root, 2)
		if err == nil {
			require.LessOrEqual(t, v.NodeCount(), int(n))
			dump(v)
		} else {
			require.ErrorIs(t, err, errCorrupt)
		}
	})
}

// FuzzValue reads a value: what was read is written and read again the same.
func FuzzValue(f *testing.F) {
	var e encoder
	for _, v := range []entity.Value{
		entity.Int(5), entity.Int(-1), entity.Float(1.5), entity.Bool(true), entity.String("x"),
		entity.String(entity.HostTID("h").String()), entity.Strings("a", "b"),
		entity.Map(entity.Attrs{entity.A("a", entity.List(entity.Int(111), entity.Int(112)))}),
	} {
		f.Add(e.value(nil, v))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var d decoder
		d.read(string(b), []entity.Value{entity.String("first"), entity.Int(2)})
		v := d.value(0)
		if d.err != nil {
			require.True(t, v.IsZero() || d.at == len(b))
			return
		}
		for _, table := range []map[string]uint32{nil, {}} {
			e := encoder{table: table}
			out := e.value(nil, v)
			entries := make([]entity.Value, len(e.texts))
			for i, s := range e.texts {
				entries[i] = entity.String(s)
			}
			var again decoder
			again.read(string(out), entries)
			got := again.value(0)
			require.NoError(t, again.err)
			require.True(t, got.Equal(v))
			require.Equal(t, len(out), again.at)
		}
	})
}
