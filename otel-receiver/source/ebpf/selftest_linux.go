package ebpf

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/cilium/ebpf"

	"github.com/skein-net/skein/otel-receiver/packet"
)

// skbSize is the size of struct __sk_buff, skbCB where its cb is.
const (
	skbSize = 192
	skbCB   = 48
)

// measureRuns is how often the programs run to see how long they take.
const measureRuns = 256

// madeFrame is a packet between two addresses of documentation (RFC 5737) and two
// random hardware addresses: no packet on a wire is of its flow.
func madeFrame() []byte {
	f := make([]byte, 60)
	_, _ = rand.Read(f[:12]) // never fails (crypto/rand)
	binary.BigEndian.PutUint16(f[12:], 0x0800)
	copy(f[14:], []byte{0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2, 0, 9, 0, 9, 0, 26})
	return f
}

// runTest runs the test program with a frame and returns the key of its flow.
func (p *programs) runTest(frame []byte, times uint32) (key [keySize]byte, err error) {
	skb := make([]byte, skbSize)
	if _, err := p.test.Run(&ebpf.RunOptions{Data: frame, Context: make([]byte, skbSize), ContextOut: skb, Repeat: times}); err != nil {
		return key, fmt.Errorf("run program: %w", err)
	}
	for i := range 2 {
		low := native.Uint32(skb[skbCB+8*i:])
		high := native.Uint32(skb[skbCB+8*i+4:])
		native.PutUint64(key[8*i:], uint64(low)|uint64(high)<<32)
	}
	return key, nil
}

// take reads a flow and removes it from the map.
func (x *session) take(key [keySize]byte) (value, error) {
	for _, m := range x.programs.flows {
		v, err := m.LookupBytes(key)
		if err != nil {
			return nil, fmt.Errorf("look up flow: %w", err)
		}
		if v == nil {
			continue
		}
		if err := m.Delete(key); err != nil {
			return nil, fmt.Errorf("delete flow: %w", err)
		}
		return v, nil
	}
	return nil, errors.New("the program counted no packet")
}

// selfTest has a packet counted and looks at what was counted. The caller holds
// Source.mu, so that the map is not read meanwhile.
func (x *session) selfTest() error {
	if err := x.attach.check(); err != nil {
		return err
	}
	frame := madeFrame()
	key, err := x.programs.runTest(frame, 1)
	if err != nil {
		return err
	}
	v, err := x.take(key)
	if err != nil {
		return err
	}
	dir := v.high()
	want := frame
	if x.link == packet.LinkRaw {
		want = frame[14:]
	}
	switch {
	case v.packets(dir) == 0 || v.bytes(dir) != v.packets(dir)*uint64(len(want)) || v.packets(dir^1) != 0:
		return fmt.Errorf("the program counted %d packets with %d bytes of a packet of %d bytes", v.packets(dir), v.bytes(dir), len(want))
	case !bytes.Equal(v.data(), want):
		return errors.New("the program kept another packet than it saw")
	}
	return nil
}

// measure finds out how long the programs take. It is called before they are
// attached.
func (x *session) measure() error {
	frame := madeFrame()
	if _, err := x.programs.runTest(frame, 1); err != nil {
		return err
	}
	_, took, err := x.programs.test.Benchmark(frame, measureRuns, nil)
	if err != nil {
		return fmt.Errorf("measure program: %w", err)
	}
	x.src.count.perPacket.Store(int64(max(took, time.Nanosecond)))
	key, err := x.programs.runTest(frame, 1)
	if err != nil {
		return err
	}
	if _, err := x.take(key); err != nil {
		return err
	}
	if err := x.readStats(); err != nil {
		return err
	}
	x.base = x.kernel.Created
	return nil
}
