package sockets

import (
	"encoding/binary"
	"net/netip"
	"testing"
)

func ip(s string) address { return netip.MustParseAddr(s).As16() }

// encodeEvent is the other way of decodeEvent.
func encodeEvent(e *event) []byte {
	b := make([]byte, eventSize)
	order := binary.NativeEndian
	order.PutUint64(b, e.cgroup)
	order.PutUint32(b[8:], e.pid)
	order.PutUint32(b[12:], e.netns)
	b[16], b[17] = byte(e.kind), e.tuple.protocol
	order.PutUint16(b[18:], e.tuple.lport)
	order.PutUint16(b[20:], e.tuple.rport)
	copy(b[24:], e.tuple.local[:])
	copy(b[40:], e.tuple.remote[:])
	copy(b[56:88], e.exe)
	copy(b[88:104], e.comm)
	return b
}

func TestDecodeEvent(t *testing.T) {
	e := event{
		cgroup: 77, pid: 5, netns: 4026531840, kind: kindOwned,
		tuple: tuple{local: ip("10.0.0.1"), remote: ip("2001:db8::1"), lport: 1234, rport: 80, protocol: protocolTCP},
		exe:   "0123456789012345678901234567890", comm: "short",
	}
	if got, err := decodeEvent(encodeEvent(&e)); err != nil || got != e {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range [][]byte{nil, make([]byte, eventSize), encodeEvent(&e)[1:]} {
		if _, err := decodeEvent(bad); err == nil {
			t.Errorf("%x was taken", bad)
		}
	}
}

func FuzzDecodeEvent(f *testing.F) {
	f.Add(encodeEvent(&event{netns: 1, kind: kindClosed}))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := decodeEvent(b)
		if err != nil {
			return
		}
		again, err := decodeEvent(encodeEvent(&e))
		if err != nil || again != e {
			t.Errorf("%+v, then %+v, %v", e, again, err)
		}
		table := New(Config{MaxSockets: 2}, nil)
		table.apply(&e, &process{pid: int64(e.pid)}, 1)
		table.apply(&again, nil, 2)
	})
}

// diagMessage makes struct inet_diag_msg.
func diagMessage(family, state uint8, local string, lport uint16, remote string, rport uint16, inode uint32) []byte {
	b := make([]byte, diagAnswerSize)
	b[0], b[1] = family, state
	binary.BigEndian.PutUint16(b[4:], lport)
	binary.BigEndian.PutUint16(b[6:], rport)
	copy(b[8:], netip.MustParseAddr(local).AsSlice())
	copy(b[24:], netip.MustParseAddr(remote).AsSlice())
	binary.NativeEndian.PutUint32(b[68:], inode)
	return b
}

func TestDecodeSocket(t *testing.T) {
	for _, c := range []struct {
		b    []byte
		want socket
		ok   bool
	}{
		{diagMessage(2, stateEstablished, "10.0.0.1", 5, "10.0.0.2", 6, 7), socket{tuple{ip("10.0.0.1"), ip("10.0.0.2"), 5, 6, 6}, 7, false}, true},
		{diagMessage(10, stateEstablished, "::ffff:10.0.0.1", 5, "2001:db8::2", 6, 7), socket{tuple{ip("10.0.0.1"), ip("2001:db8::2"), 5, 6, 6}, 7, false}, true},
		{diagMessage(2, stateListen, "0.0.0.0", 80, "0.0.0.0", 0, 9), socket{tuple{anyIPv4, anyIPv4, 80, 0, 6}, 9, true}, true},
		{diagMessage(10, stateClose, "::", 53, "::", 0, 9), socket{tuple{anyIPv6, anyIPv6, 53, 0, 6}, 9, true}, true},
		{diagMessage(2, stateClose, "0.0.0.0", 0, "0.0.0.0", 0, 9), socket{tuple{anyIPv4, anyIPv4, 0, 0, 6}, 9, true}, false},
		{diagMessage(1, stateListen, "0.0.0.0", 80, "0.0.0.0", 0, 9), socket{tuple: tuple{lport: 80, protocol: 6}}, false},
		{make([]byte, diagAnswerSize-1), socket{}, false},
	} {
		got, ok := decodeSocket(c.b, protocolTCP)
		if ok != c.ok || got != c.want {
			t.Errorf("%x: %+v, %v", c.b, got, ok)
		}
	}
}

func TestDecodeAddress(t *testing.T) {
	attr := func(typ uint16, v ...byte) []byte {
		b := binary.NativeEndian.AppendUint16(nil, uint16(4+len(v)))
		b = append(binary.NativeEndian.AppendUint16(b, typ), v...)
		for len(b)%4 != 0 {
			b = append(b, 0)
		}
		return b
	}
	msg := func(family byte, attrs ...[]byte) []byte {
		b := make([]byte, 8)
		b[0] = family
		for _, a := range attrs {
			b = append(b, a...)
		}
		return b
	}
	one, two := ip("10.0.0.1"), ip("2001:db8::2")
	for name, c := range map[string]struct {
		b    []byte
		want address
		ok   bool
	}{
		"local and peer": {msg(2, attr(attrAddress, 10, 0, 0, 9), attr(3, 'e', 't', 'h'), attr(attrLocal, 10, 0, 0, 1)), one, true},
		"peer last":      {msg(2, attr(attrLocal, 10, 0, 0, 1), attr(attrAddress, 10, 0, 0, 9)), one, true},
		"IPv6":           {msg(10, attr(attrAddress, two[:]...)), two, true},
		"none":           {msg(2), address{}, false},
		"short":          {[]byte{2}, address{}, false},
		"cut":            {msg(2, []byte{200, 0, 1, 0}), address{}, false},
	} {
		if got, ok := decodeAddress(c.b); got != c.want || ok != c.ok {
			t.Errorf("%s: %v, %v", name, got, ok)
		}
	}
}

func message(typ uint16, content []byte) []byte {
	b := make([]byte, 16, 16+len(content)+3)
	binary.NativeEndian.PutUint32(b, uint32(16+len(content)))
	binary.NativeEndian.PutUint16(b[4:], typ)
	b = append(b, content...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

func TestMessages(t *testing.T) {
	number := func(n int32) []byte { return binary.NativeEndian.AppendUint32(nil, uint32(n)) }
	two := append(message(20, []byte("abc")), message(20, []byte("defgh"))...)
	for name, c := range map[string]struct {
		b     []byte
		n     int
		done  bool
		errno int32
		ok    bool
	}{
		"goes on":  {two, 2, false, 0, true},
		"ends":     {append(two[:len(two):len(two)], message(3, number(0))...), 2, true, 0, true},
		"bare end": {message(3, nil), 0, true, 0, true},
		"fails":    {message(2, append(number(-2), make([]byte, 16)...)), 0, true, 2, true},
		"no error": {message(2, nil), 0, false, 0, false},
		"cut":      {two[:len(two)-4], 1, false, 0, false},
		"length":   {make([]byte, 16), 0, false, 0, false},
	} {
		n := 0
		done, errno, ok := messages(c.b, func(typ uint16, _ []byte) {
			if typ == 20 {
				n++
			}
		})
		if n != c.n || done != c.done || errno != c.errno || ok != c.ok {
			t.Errorf("%s: %d, %v, %d, %v", name, n, done, errno, ok)
		}
	}
}

func FuzzMessages(f *testing.F) {
	f.Add(append(message(20, diagMessage(2, stateListen, "0.0.0.0", 80, "0.0.0.0", 0, 9)), message(3, nil)...))
	f.Add(message(newAddress, []byte{2, 24, 0, 0, 1, 0, 0, 0, 8, 0, 2, 0, 10, 0, 0, 1}))
	f.Fuzz(func(t *testing.T, b []byte) {
		total := 0
		messages(b, func(_ uint16, content []byte) {
			total += 16 + len(content)
			decodeSocket(content, protocolUDP)
			decodeAddress(content)
		})
		if total > len(b) {
			t.Errorf("%d of %d bytes", total, len(b))
		}
	})
}

func TestDiagRequest(t *testing.T) {
	tcp, udp := diagRequest(familyIPv4, protocolTCP), diagRequest(familyIPv6, protocolUDP)
	states := func(b []byte) uint32 { return binary.NativeEndian.Uint32(b[4:]) }
	if len(tcp) != 56 || tcp[0] != 2 || tcp[1] != 6 || states(tcp)&(1<<stateTimeWait|1<<stateClose) != 0 || states(tcp)&(1<<stateListen) == 0 {
		t.Errorf("TCP: %x", tcp)
	}
	if udp[0] != 10 || udp[1] != 17 || states(udp)&(1<<stateClose) == 0 {
		t.Errorf("UDP: %x", udp)
	}
}
