package ingest

import (
	"math/bits"
	"sync"

	"github.com/skein-net/skein/topologyd/api/httpx"
)

// firstBuffer is what a request holds at least; its buffer doubles from there
// as bytes arrive, so that a sender who sends nothing holds next to nothing.
const firstBuffer = 64 << 10

// buffers are byte slices that requests use one after the other, one pool per
// doubling of firstBuffer.
type buffers [16]sync.Pool

// class returns the pool of buffers of a size.
func (b *buffers) class(size int) *sync.Pool {
	return &b[min(bits.Len(uint(size/firstBuffer))-1, len(b)-1)]
}

func (b *buffers) get(size int) []byte {
	if p, ok := b.class(size).Get().(*[]byte); ok {
		return (*p)[:0]
	}
	return make([]byte, 0, size)
}

func (b *buffers) put(buf []byte) {
	if cap(buf) >= firstBuffer {
		b.class(cap(buf)).Put(&buf)
	}
}

// grow moves the buffer of a request to one twice as large, within the bytes
// that all requests may hold.
func (lw *lineWriter) grow(in *Ingest) error {
	size := max(firstBuffer, 2*cap(lw.buf))
	if !in.budget.Take(int64(size - cap(lw.buf))) {
		return httpx.ErrBudget
	}
	old := lw.buf
	lw.buf = append(in.buffers.get(size), old...)
	in.buffers.put(old)
	return nil
}

// release gives the buffer and its bytes back.
func (lw *lineWriter) release(in *Ingest) {
	in.budget.Give(int64(cap(lw.buf)))
	in.buffers.put(lw.buf)
	lw.buf = nil
}
