package rtnl

import "sync"

// bufferSize holds any one event, which the kernel makes a page or two, or as
// long as the 64 KiB that the next hops of a route may be; and the datagrams of
// listings, which are 32 KiB where no link has many SR-IOV functions.
const bufferSize = 128 << 10

// Buffers lends memory to connections while they read. A host has thousands of
// namespaces, in hardly any of which something happens at a time: connections
// that share one Buffers need as much memory as those that read at the moment.
// What is not lent is left to the garbage collector. The zero value is ready
// to use; it may be used by several goroutines.
type Buffers struct{ free sync.Pool }

// get lends a buffer of bufferSize.
func (b *Buffers) get() []byte {
	if p, ok := b.free.Get().(*[bufferSize]byte); ok {
		return p[:]
	}
	return make([]byte, bufferSize)
}

// put takes a buffer back. Those that were made larger are not kept.
func (b *Buffers) put(buf []byte) {
	if len(buf) == bufferSize {
		b.free.Put((*[bufferSize]byte)(buf))
	}
}
