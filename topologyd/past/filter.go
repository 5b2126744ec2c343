package past

import (
	"encoding/binary"
	"fmt"
	"os"

	"github.com/skein-net/skein/internal/entity"
)

// filter is a Bloom filter of the elements that a file of changes names: ten
// bits each and four hashes, so that it errs for about one in a hundred. An
// empty one knows nothing and excludes nothing.
type filter []byte

func newFilter(n int) filter { return make(filter, max(n, 8)*10/8) }

// bits calls fn for the bits of an ID, which is random itself.
func (f filter) bits(id *entity.UUID, fn func(at uint64) bool) {
	n := uint64(len(f)) * 8
	a, b := binary.LittleEndian.Uint64(id[:8]), binary.LittleEndian.Uint64(id[8:])|1
	for range 4 {
		if !fn(a % n) {
			return
		}
		a += b
	}
}

func (f filter) add(id *entity.UUID) {
	f.bits(id, func(at uint64) bool {
		f[at/8] |= 1 << (at % 8)
		return true
	})
}

// has reports whether an ID may be in the file.
func (f filter) has(id *entity.UUID) bool {
	if len(f) == 0 {
		return true
	}
	in := true
	f.bits(id, func(at uint64) bool {
		in = f[at/8]&(1<<(at%8)) != 0
		return in
	})
	return in
}

// filter reads the file's filter, an empty one when it has none that is whole.
func (i *fileInfo) filter() (filter, error) {
	if i.filterLen <= 0 || i.filterLen > i.size || i.filterAt < 0 {
		return nil, nil
	}
	f, err := os.Open(i.path)
	if err != nil {
		return nil, fmt.Errorf("read changes: %w", err)
	}
	defer f.Close()
	buf := make([]byte, i.filterLen)
	if _, err := f.ReadAt(buf, i.filterAt); err != nil {
		return nil, fmt.Errorf("read changes: %w", err)
	}
	payload, _, ok := frameAt(stringOf(buf), 0)
	if !ok || payload[0] != kindFilter {
		return nil, nil
	}
	return filter(bytesOf(payload[1:])), nil
}
