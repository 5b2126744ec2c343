package rtnl

import (
	"encoding/binary"
	"fmt"
	"syscall"
)

// Netlink itself (linux/netlink.h).
const (
	nlHeaderLen = 16 // struct nlmsghdr

	nlNoop    = 1 // NLMSG_NOOP
	nlError   = 2 // NLMSG_ERROR
	nlDone    = 3 // NLMSG_DONE
	nlOverrun = 4 // NLMSG_OVERRUN

	flagRequest  = 0x1   // NLM_F_REQUEST
	flagDumpIntr = 0x10  // NLM_F_DUMP_INTR
	flagDump     = 0x300 // NLM_F_ROOT | NLM_F_MATCH
	flagCapped   = 0x100 // NLM_F_CAPPED
	flagAckTLVs  = 0x200 // NLM_F_ACK_TLVS
	flagReplace  = 0x100 // NLM_F_REPLACE
)

// Requests (linux/rtnetlink.h).
const (
	rtmGetLink    = 18
	rtmGetAddr    = 22
	rtmGetRoute   = 26
	rtmGetNeigh   = 30
	rtmGetRule    = 34
	rtmGetNSID    = 90
	rtmGetNexthop = 106
)

// message is one netlink message within a datagram.
type message struct {
	typ, flags uint16
	seq        uint32
	data       []byte
}

// nextMessage cuts the first message off a datagram.
func nextMessage(b []byte) (m message, rest []byte, err error) {
	if len(b) < nlHeaderLen {
		return m, nil, shortHeader("nlmsghdr", b, nlHeaderLen)
	}
	n := int(binary.NativeEndian.Uint32(b))
	if n < nlHeaderLen || n > len(b) {
		return m, nil, fmt.Errorf("decode nlmsghdr: %w: claims %d bytes of %d", errShortHeader, n, len(b))
	}
	m = message{
		typ:   binary.NativeEndian.Uint16(b[4:]),
		flags: binary.NativeEndian.Uint16(b[6:]),
		seq:   binary.NativeEndian.Uint32(b[8:]),
		data:  b[nlHeaderLen:n:n],
	}
	return m, b[min(align4(n), len(b)):], nil
}

// appendRequest appends a message with a header and attributes.
func appendRequest(typ, flags uint16, seq uint32, header []byte, attributes ...attr) []byte {
	b := make([]byte, nlHeaderLen, 128)
	b = pad4(append(b, header...))
	for _, a := range attributes {
		b = binary.NativeEndian.AppendUint16(b, uint16(attrHeaderLen+len(a.data)))
		b = binary.NativeEndian.AppendUint16(b, a.typ)
		b = pad4(append(b, a.data...))
	}
	binary.NativeEndian.PutUint32(b, uint32(len(b)))
	binary.NativeEndian.PutUint16(b[4:], typ)
	binary.NativeEndian.PutUint16(b[6:], flags)
	binary.NativeEndian.PutUint32(b[8:], seq)
	return b
}

func pad4(b []byte) []byte {
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

func u32Attr(typ uint16, v uint32) attr {
	return attr{typ, binary.NativeEndian.AppendUint32(nil, v)}
}

// KernelError is a request that the kernel refused.
type KernelError struct {
	// Errno is the reason, Message what the kernel adds to it (extended ack),
	// often nothing.
	Errno   syscall.Errno
	Message string
}

// Error implements error.
func (e *KernelError) Error() string {
	if e.Message == "" {
		return "kernel refused: " + e.Errno.Error()
	}
	return "kernel refused: " + e.Errno.Error() + ": " + e.Message
}

// Unwrap returns Errno, so that errors.Is(err, syscall.ENODEV) works.
func (e *KernelError) Unwrap() error { return e.Errno }

// refusal reads an NLMSG_ERROR or the status of an NLMSG_DONE; nil: no error.
func refusal(m message) error {
	if len(m.data) < 4 {
		if m.typ == nlDone {
			return nil
		}
		return shortHeader("nlmsgerr", m.data, 4)
	}
	errno := -int32(binary.NativeEndian.Uint32(m.data))
	if errno <= 0 {
		return nil
	}
	e := &KernelError{Errno: syscall.Errno(errno)}
	if m.flags&flagAckTLVs == 0 {
		return e
	}
	skip := 4
	if m.typ == nlError {
		if len(m.data) < 4+nlHeaderLen {
			return e
		}
		skip += nlHeaderLen
		if n := int(binary.NativeEndian.Uint32(m.data[4:])); m.flags&flagCapped == 0 && n >= nlHeaderLen && n <= len(m.data) {
			skip = 4 + align4(n)
		}
	}
	it := newAttrs("nlmsgerr", m.data[min(skip, len(m.data)):])
	for it.next() {
		if it.a.typ == 1 { // NLMSGERR_ATTR_MSG
			_ = it.a.text("NLMSGERR_ATTR_MSG", &e.Message) // a text too long is no text
		}
	}
	return e
}
