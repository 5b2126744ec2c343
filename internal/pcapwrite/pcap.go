package pcapwrite

import (
	"encoding/binary"
	"fmt"
	"io"
)

// magicNano is that of pcap with nanoseconds.
const magicNano = 0xa1b23c4d

// Pcap writes a pcap file, whose packets all have one link type. It is not for
// concurrent use.
type Pcap struct {
	w   io.Writer
	buf []byte
}

// NewPcap writes the header of a file. link is the LINKTYPE of all packets; the
// file tells no snap length but the largest.
func NewPcap(w io.Writer, link uint16) (*Pcap, error) {
	le := binary.LittleEndian
	b := le.AppendUint32(nil, magicNano)
	b = le.AppendUint16(b, 2)
	b = le.AppendUint16(b, 4)
	b = le.AppendUint64(b, 0) // time zone and accuracy, both unused
	b = le.AppendUint32(b, MaxData)
	b = le.AppendUint32(b, uint32(link))
	if _, err := w.Write(b); err != nil {
		return nil, fmt.Errorf("write pcap: %w", err)
	}
	return &Pcap{w: w}, nil
}

// Packet writes a packet. An error that wraps [ErrPacket] leaves the file as it
// was.
func (p *Pcap) Packet(k *Packet) error {
	if err := k.check(); err != nil {
		return err
	}
	le := binary.LittleEndian
	b := le.AppendUint32(p.buf[:0], uint32(k.Time/1e9))
	b = le.AppendUint32(b, uint32(k.Time%1e9))
	b = le.AppendUint32(b, uint32(len(k.Data)))
	b = le.AppendUint32(b, k.wire())
	p.buf = append(b, k.Data...)
	if _, err := p.w.Write(p.buf); err != nil {
		return fmt.Errorf("write pcap: %w", err)
	}
	return nil
}
