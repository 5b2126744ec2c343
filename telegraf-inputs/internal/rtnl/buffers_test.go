package rtnl

import (
	"context"
	"testing"
	"time"
)

func TestBuffers(t *testing.T) {
	var b Buffers
	buf := b.get()
	if len(buf) != bufferSize {
		t.Fatalf("%d bytes", len(buf))
	}
	b.put(buf)
	b.put(make([]byte, 2*bufferSize)) // not kept
	b.put(nil)
	for range 3 {
		if got := b.get(); len(got) != bufferSize {
			t.Errorf("%d bytes", len(got))
		}
	}
}

// TestIdleConnHoldsNoBuffer looks at a connection after a listing, after one
// that was given up, and while it waits for events.
func TestIdleConnHoldsNoBuffer(t *testing.T) {
	k := newKernel([]message{addrMessage(1, 0), doneMessage}, []message{addrMessage(1, 0)})
	c := &Conn{lists: lister{sock: k, bufs: new(Buffers)}}
	if _, err := c.Addrs(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c.lists.buf != nil {
		t.Error("a buffer is held after a listing")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := c.Addrs(ctx); err == nil {
		t.Fatal("an unfinished listing ended")
	}
	if c.lists.buf != nil {
		t.Error("a buffer is held after a listing that was given up")
	}
}
