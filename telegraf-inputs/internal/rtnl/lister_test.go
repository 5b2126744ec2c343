package rtnl

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// kernel is a transport that plays the kernel: it answers each request with the
// next of its scripts.
type kernel struct {
	mu      sync.Mutex
	scripts [][]message // one list of messages per request
	queue   [][]byte
	sent    int
	// overrun makes the next recv fail with errNoBuffers.
	overrun     bool
	interrupted chan struct{}
}

func newKernel(scripts ...[]message) *kernel {
	return &kernel{scripts: scripts, interrupted: make(chan struct{}, 1)}
}

func frame(m message, seq uint32) []byte {
	b := appendRequest(m.typ, m.flags, seq, m.data)
	binary.NativeEndian.PutUint32(b, uint32(nlHeaderLen+len(m.data)))
	return b
}

func (k *kernel) send(b []byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	seq := binary.NativeEndian.Uint32(b[8:])
	if k.sent < len(k.scripts) {
		for _, m := range k.scripts[k.sent] {
			k.queue = append(k.queue, frame(m, seq))
		}
	}
	k.sent++
	return nil
}

func (k *kernel) size() (int, error) {
	k.mu.Lock()
	if k.overrun {
		defer k.mu.Unlock()
		k.overrun = false
		return 0, errNoBuffers
	}
	if len(k.queue) > 0 {
		defer k.mu.Unlock()
		return len(k.queue[0]), nil
	}
	k.mu.Unlock()
	<-k.interrupted
	return 0, os.ErrDeadlineExceeded
}

func (k *kernel) recv(buf []byte, wait bool) (int, bool, error) {
	k.mu.Lock()
	if k.overrun {
		k.overrun = false
		k.mu.Unlock()
		return 0, false, errNoBuffers
	}
	if len(k.queue) > 0 {
		n := copy(buf, k.queue[0])
		full := len(k.queue[0]) > len(buf)
		k.queue = k.queue[1:]
		k.mu.Unlock()
		return n, full, nil
	}
	k.mu.Unlock()
	if !wait {
		return 0, false, errWouldBlock
	}
	<-k.interrupted
	return 0, false, os.ErrDeadlineExceeded
}

func (k *kernel) interrupt(on bool) error {
	if on {
		k.interrupted <- struct{}{}
	}
	return nil
}

func (k *kernel) close() error { return nil }

func addrMessage(last byte, flags uint16) message {
	data := []byte{byte(FamilyIPv4), 24, 0, 0, 0, 0, 0, 0, 8, 0, 1, 0, 10, 0, 0, last}
	binary.NativeEndian.PutUint32(data[4:], 3)
	binary.NativeEndian.PutUint16(data[8:], 8)
	binary.NativeEndian.PutUint16(data[10:], 1)
	return message{typ: uint16(NewAddr), flags: flags, data: data}
}

var doneMessage = message{typ: nlDone, data: []byte{0, 0, 0, 0}}

func status(typ uint16, errno syscall.Errno) message {
	return message{typ: typ, data: binary.NativeEndian.AppendUint32(nil, uint32(-int32(errno)))}
}

func TestListingIsMadeAgain(t *testing.T) {
	cut := []message{addrMessage(1, flagDumpIntr), doneMessage}
	c := &Conn{lists: lister{sock: newKernel(cut, cut, []message{addrMessage(1, 0), addrMessage(2, 0), doneMessage}), bufs: new(Buffers)}}
	addrs, err := c.Addrs(t.Context())
	if err != nil || len(addrs) != 2 || addrs[1].Prefix.String() != "10.0.0.2/24" {
		t.Fatalf("%v, %v", addrs, err)
	}
	if n := c.Counters(); n.Interrupted != 2 || n.Dumps != 3 {
		t.Errorf("counters %+v", n)
	}
}

func TestListingGivesUp(t *testing.T) {
	cut := []message{addrMessage(1, 0), {typ: nlDone, flags: flagDumpIntr, data: make([]byte, 4)}}
	c := &Conn{lists: lister{sock: newKernel(cut, cut, cut, cut, cut, cut), bufs: new(Buffers)}}
	addrs, err := c.Addrs(t.Context())
	if !errors.Is(err, ErrInterrupted) || len(addrs) != 1 {
		t.Fatalf("%v, %v", addrs, err)
	}
	if n := c.Counters(); n.Dumps != maxAttempts || n.Interrupted != maxAttempts {
		t.Errorf("counters %+v", n)
	}
}

func TestListingSkipsWhatIsMalformed(t *testing.T) {
	bad := addrMessage(9, 0)
	bad.data = bad.data[:14]
	short := message{typ: uint16(NewAddr), data: []byte{2}}
	other := message{typ: uint16(NewRoute), data: make([]byte, 12)}
	c := &Conn{lists: lister{sock: newKernel([]message{bad, short, other, addrMessage(1, 0), doneMessage}), bufs: new(Buffers)}}
	addrs, err := c.Addrs(t.Context())
	if err != nil || len(addrs) != 1 {
		t.Fatalf("%v, %v", addrs, err)
	}
	if n := c.Counters(); n.Malformed != 1 || n.Short != 1 || n.Unknown != 1 {
		t.Errorf("counters %+v", n)
	}
}

func TestListingRefused(t *testing.T) {
	for _, m := range []message{status(nlError, syscall.EPERM), status(nlDone, syscall.EPERM)} {
		c := &Conn{lists: lister{sock: newKernel([]message{m}, []message{addrMessage(1, 0), doneMessage}), bufs: new(Buffers)}}
		_, err := c.Addrs(t.Context())
		if !errors.Is(err, syscall.EPERM) || !strings.HasPrefix(err.Error(), "list addresses: kernel refused") {
			t.Errorf("%v", err)
		}
		if addrs, err := c.Addrs(t.Context()); err != nil || len(addrs) != 1 {
			t.Errorf("after a refusal: %v, %v", addrs, err)
		}
	}
	c := &Conn{lists: lister{sock: newKernel([]message{status(nlError, syscall.EOPNOTSUPP)}), bufs: new(Buffers)}}
	if n, err := c.Nexthops(t.Context()); err != nil || n != nil {
		t.Errorf("kernel without nexthops: %v, %v", n, err)
	}
}

// TestListingLong has a message that is longer than the buffer, which grows.
func TestListingLong(t *testing.T) {
	long := addrMessage(1, 0)
	for range 3 {
		long.data = binary.NativeEndian.AppendUint16(long.data, 65532)
		long.data = binary.NativeEndian.AppendUint16(long.data, 99)
		long.data = append(long.data, make([]byte, 65528)...)
	}
	k := newKernel([]message{addrMessage(2, 0), long, doneMessage})
	c := &Conn{lists: lister{sock: k, bufs: new(Buffers)}}
	addrs, err := c.Addrs(t.Context())
	if err != nil || len(addrs) != 2 || len(long.data) <= bufferSize {
		t.Fatalf("%d addresses, message of %d, %v", len(addrs), len(long.data), err)
	}
	huge := newKernel([]message{{typ: uint16(NewAddr), data: make([]byte, maxListBuffer)}})
	if _, err := (&Conn{lists: lister{sock: huge, bufs: new(Buffers)}}).Addrs(t.Context()); err == nil {
		t.Error("a datagram of any size was read")
	}
}

// TestListingIsAbandoned ends the context in the middle; the next listing must
// first read the rest of the old one.
func TestListingIsAbandoned(t *testing.T) {
	k := newKernel([]message{addrMessage(1, 0)}, []message{addrMessage(2, 0), doneMessage})
	c := &Conn{lists: lister{sock: k, bufs: new(Buffers)}}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := c.Addrs(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	k.queue = append(k.queue, frame(addrMessage(1, 0), 1), frame(doneMessage, 1))
	addrs, err := c.Addrs(t.Context())
	if err != nil || len(addrs) != 1 || addrs[0].Prefix.String() != "10.0.0.2/24" {
		t.Fatalf("%v, %v", addrs, err)
	}
	if _, err := c.Addrs(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("context that has ended: %v", err)
	}
}

func TestRefusalText(t *testing.T) {
	m := status(nlError, syscall.EINVAL)
	m.flags = flagAckTLVs | flagCapped
	m.data = append(m.data, make([]byte, nlHeaderLen)...)
	text := appendRequest(0, 0, 0, nil, attr{1, []byte("no such thing\x00")})
	m.data = append(m.data, text[nlHeaderLen:]...)
	err := refusal(m)
	if !errors.Is(err, syscall.EINVAL) || !strings.HasSuffix(err.Error(), ": no such thing") {
		t.Error(err)
	}
	if err := refusal(message{typ: nlError, data: []byte{1}}); err == nil {
		t.Error("short nlmsgerr is no error")
	}
	if err := refusal(doneMessage); err != nil {
		t.Error(err)
	}
}

func TestReceive(t *testing.T) {
	k := newKernel()
	wireless := message{typ: uint16(NewLink), data: append(make([]byte, sizeofIfInfomsg), 4, 0, 11, 0)}
	inet6 := message{typ: uint16(NewLink), data: make([]byte, sizeofIfInfomsg)}
	inet6.data[0] = byte(FamilyIPv6)
	for _, m := range []message{addrMessage(1, 0), wireless, inet6, {typ: 72, data: make([]byte, 4)},
		{typ: uint16(NewRoute), data: []byte{1}}, addrMessage(2, 0)} {
		k.queue = append(k.queue, frame(m, 0))
	}
	c := &Conn{events: k, bufs: new(Buffers)}
	evs, err := c.Receive()
	if err != nil || len(evs) != 2 {
		t.Fatalf("%v, %v", evs, err)
	}
	if n := c.Counters(); n.Messages != 6 || n.Events != 2 || n.Partial != 2 || n.Unknown != 1 || n.Short != 1 {
		t.Errorf("counters %+v", n)
	}
	k.overrun = true
	k.queue = append(k.queue, frame(addrMessage(3, 0), 0))
	if evs, err = c.Receive(); !errors.Is(err, ErrOverrun) || len(evs) != 0 || len(k.queue) != 0 {
		t.Errorf("%v, %v, %d left", evs, err, len(k.queue))
	}
	if n := c.Counters(); n.Overruns != 1 || n.Discarded != 1 {
		t.Errorf("counters %+v", n)
	}
	if _, err := (&Conn{}).Receive(); err == nil {
		t.Error("no groups, no error")
	}
}

// TestReplaced reads the header's flag, which means something else in other
// messages.
func TestReplaced(t *testing.T) {
	k := newKernel()
	route := message{typ: uint16(NewRoute), data: make([]byte, sizeofRtmsg)}
	route.data[0] = byte(FamilyIPv4)
	replaced := route
	replaced.flags = flagReplace
	for _, m := range []message{route, replaced, addrMessage(1, flagReplace)} {
		k.queue = append(k.queue, frame(m, 0))
	}
	evs, err := (&Conn{events: k, bufs: new(Buffers)}).Receive()
	if err != nil || len(evs) != 3 || evs[0].Replaced || !evs[1].Replaced || evs[2].Replaced {
		t.Errorf("%+v, %v", evs, err)
	}
}
