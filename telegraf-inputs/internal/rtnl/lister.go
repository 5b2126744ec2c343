package rtnl

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
)

// lister asks questions on a socket of its own, one at a time.
type lister struct {
	mu   sync.Mutex
	sock transport
	seq  uint32
	bufs *Buffers
	buf  []byte // nil while nobody asks
	// unfinished is the sequence number of a listing that was given up; the
	// kernel starts no other before the rest of it is read. 0: none.
	unfinished uint32
}

const maxListBuffer = 16 << 20

// dump makes one listing and calls record for each message's payload.
// interrupted tells that the kernel's tables changed meanwhile.
func (c *Conn) dump(ctx context.Context, req request, record func([]byte)) (interrupted bool, err error) {
	c.count.dumps.Add(1)
	err = c.lists.ask(ctx, req, flagRequest|flagDump, func(m message) (done bool) {
		interrupted = interrupted || m.flags&flagDumpIntr != 0
		switch {
		case m.typ == uint16(req.want):
			record(m.data)
		case m.typ != nlDone:
			c.count.unknown.Add(1)
		}
		return false
	})
	return interrupted, err
}

// get asks for one record and returns its payload.
func (c *Conn) get(ctx context.Context, req request) (payload []byte, err error) {
	err = c.lists.ask(ctx, req, flagRequest, func(m message) (done bool) {
		if m.typ != uint16(req.want) {
			c.count.unknown.Add(1)
			return false
		}
		payload = append([]byte(nil), m.data...)
		return true
	})
	if err == nil && payload == nil {
		err = errors.New("no answer")
	}
	return payload, err
}

// ask sends a request and calls answer for each message that answers it, until
// answer says that it is done, or the kernel does.
func (l *lister) ask(ctx context.Context, req request, flags uint16, answer func(message) bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	release := l.watch(ctx)
	defer release()
	defer func() { l.bufs.put(l.buf); l.buf = nil }()
	if l.unfinished != 0 {
		if err := l.read(ctx, l.unfinished, func(message) bool { return false }); err != nil && !isRefusal(err) {
			return err
		}
		l.unfinished = 0
	}
	l.seq++
	if err := l.sock.send(appendRequest(req.typ, flags, l.seq, req.header, req.attrs...)); err != nil {
		return fmt.Errorf("send request: %w", err)
	}
	err := l.read(ctx, l.seq, answer)
	if err != nil && !isRefusal(err) && flags&flagDump == flagDump {
		l.unfinished = l.seq
	}
	return err
}

func isRefusal(err error) bool {
	var k *KernelError
	return errors.As(err, &k)
}

// watch interrupts the socket when the context ends; release undoes it.
func (l *lister) watch(ctx context.Context) (release func()) {
	fired := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(fired)
		_ = l.sock.interrupt(true) // fails only on a closed socket, where recv fails too
	})
	return func() {
		if !stop() {
			<-fired
			_ = l.sock.interrupt(false)
		}
	}
}

// read reads the answers to request seq.
func (l *lister) read(ctx context.Context, seq uint32, answer func(message) bool) error {
	for {
		n, err := l.datagram()
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, errNoBuffers):
			// The kernel could not queue the answer; nothing of a listing is lost
			// by that, it goes on with the next read.
			continue
		case err != nil:
			return fmt.Errorf("receive answer: %w", err)
		}
		if done, err := l.answers(l.buf[:n], seq, answer); done || err != nil {
			return err
		}
	}
}

// datagram reads the next datagram into the buffer, which grows as needed: the
// kernel makes them larger than usual for links with many SR-IOV functions.
func (l *lister) datagram() (int, error) {
	n, err := l.sock.size()
	if err != nil {
		return 0, err
	}
	if n > maxListBuffer {
		return 0, fmt.Errorf("datagram of %d bytes, at most %d", n, maxListBuffer)
	}
	if l.buf == nil {
		l.buf = l.bufs.get()
	}
	if n > len(l.buf) {
		l.bufs.put(l.buf)
		l.buf = make([]byte, n)
	}
	n, _, err = l.sock.recv(l.buf, true)
	return n, err
}

// answers goes through one datagram.
func (l *lister) answers(b []byte, seq uint32, answer func(message) bool) (done bool, err error) {
	for len(b) > 0 {
		m, rest, err := nextMessage(b)
		if err != nil {
			return false, err
		}
		b = rest
		if m.seq != seq {
			continue
		}
		switch m.typ {
		case nlNoop:
			continue
		case nlError:
			return true, refusal(m)
		case nlDone:
			answer(m)
			return true, refusal(m)
		}
		if answer(m) {
			return true, nil
		}
	}
	return false, nil
}
