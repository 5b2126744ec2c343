package pcapio

import (
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/skein-net/skein/otel-receiver/packet"
	"github.com/skein-net/skein/otel-receiver/source"
)

// The magic numbers of pcap, as a machine of the writer's byte order reads them.
const (
	magicMicro    = 0xa1b2c3d4
	magicNano     = 0xa1b23c4d
	magicModified = 0xa1b2cd34 // Kuznetzov's: 8 bytes more for each record
)

// pcapFile is what the header says.
type pcapFile struct {
	link  packet.LinkType
	unit  int64 // nanoseconds
	extra int   // more bytes in a record's header
}

func (r *Reader) startPcap(magic uint32) error {
	r.order = binary.LittleEndian
	if b := swap(magic); b == magicMicro || b == magicNano || b == magicModified {
		r.order, magic = binary.BigEndian, b
	}
	r.pcap.unit = 1000
	switch magic {
	case magicMicro:
	case magicNano:
		r.pcap.unit = 1
	case magicModified:
		r.pcap.extra = 8
	default:
		return fmt.Errorf("%w: it begins with %#08x", ErrFormat, swap(magic))
	}
	h := r.head[:24]
	if err := r.full(h, 1); err != nil {
		return err
	}
	if major := r.order.Uint16(h[4:]); major != 2 {
		return r.corrupt("version %d.%d of pcap is not known", major, r.order.Uint16(h[6:]))
	}
	r.pcap.link = linkType(r.order.Uint32(h[20:]))
	r.read = r.readPcap
	return nil
}

func (r *Reader) readPcap(f *source.Frame) error {
	h := r.head[:16+r.pcap.extra]
	if err := r.full(h, 0); err != nil {
		return err
	}
	sec, frac := r.order.Uint32(h), r.order.Uint32(h[4:])
	length, wire := r.order.Uint32(h[8:]), r.order.Uint32(h[12:])
	if length > MaxRecord {
		return r.corrupt("a frame of %d bytes: no more than %d are captured of one", length, MaxRecord)
	}
	if wire > 1<<30 {
		return r.corrupt("a frame that was %d bytes long", wire)
	}
	data, err := r.data(int(length))
	if err != nil {
		return err
	}
	*f = source.Frame{
		Data: data,
		Wire: max(int(wire), len(data)),
		// Fractions beyond a second happen in the wild and are taken as they are.
		Time: int64(sec)*1e9 + int64(frac)*r.pcap.unit,
		Link: r.pcap.link,
	}
	return nil
}

func swap(v uint32) uint32 { return v<<24 | v>>24 | v<<8&0xff0000 | v>>8&0xff00 }

// isFlate reports whether err is about compressed data.
func isFlate(err error) bool {
	var c flate.CorruptInputError
	return errors.As(err, &c)
}
