package pcapwrite

import (
	"encoding/binary"
	"fmt"
	"io"
)

// Blocks and options of pcapng.
const (
	blockSection    = 0x0a0d0d0a
	blockInterface  = 1
	blockStatistics = 5
	blockPacket     = 6

	byteOrderMagic = 0x1a2b3c4d

	optEnd     = 0
	optComment = 1

	shbHardware = 2
	shbOS       = 3
	shbUserAppl = 4

	ifName        = 2
	ifDescription = 3
	ifResolution  = 9
	ifFilter      = 11
	ifOS          = 12

	epbFlags = 2

	isbStart    = 2
	isbEnd      = 3
	isbReceived = 4
	isbDropped  = 5

	nanoseconds = 9
)

// MaxInterfaces is how many interfaces one file has at most.
const MaxInterfaces = 4096

// Section is what a file says of itself; what is empty is left out.
type Section struct {
	// Comments are for people, one line or several each.
	Comments []string
	// Application wrote the file, OS and Hardware are where.
	Application, OS, Hardware string
}

// Interface is where packets were captured; what is empty is left out.
type Interface struct {
	Name, Description string
	// Filter is the capture filter, in the language of pcap-filter(7).
	Filter string
	// OS is that of the host.
	OS string
	// Link is the LINKTYPE of its packets.
	Link uint16
	// SnapLen is how many bytes of each packet were captured at most, 0: not
	// limited.
	SnapLen  uint32
	Comments []string
}

// Statistics are what an interface counted.
type Statistics struct {
	// Time is when it was counted, Unix nanoseconds. Start and End are when the
	// capture began and ended, 0: not known.
	Time, Start, End int64
	// Received and Dropped count packets; less than 0: not known.
	Received, Dropped int64
	Comments          []string
}

// NG writes a pcapng file of one section. It is not for concurrent use.
type NG struct {
	w      io.Writer
	buf    []byte
	ifaces int
}

// NewNG writes the section's header.
func NewNG(w io.Writer, s *Section) (*NG, error) {
	n := &NG{w: w}
	le := binary.LittleEndian
	n.begin(blockSection)
	n.buf = le.AppendUint32(n.buf, byteOrderMagic)
	n.buf = le.AppendUint16(n.buf, 1)
	n.buf = le.AppendUint16(n.buf, 0)
	n.buf = le.AppendUint64(n.buf, 1<<64-1) // the section's length is not known
	n.comments(s.Comments)
	n.text(shbHardware, s.Hardware)
	n.text(shbOS, s.OS)
	n.text(shbUserAppl, s.Application)
	return n, n.end()
}

// Interface writes what an interface is and returns its number, which packets
// are written with.
func (n *NG) Interface(i *Interface) (int, error) {
	if n.ifaces >= MaxInterfaces {
		return 0, fmt.Errorf("write pcapng: more than %d interfaces", MaxInterfaces)
	}
	le := binary.LittleEndian
	n.begin(blockInterface)
	n.buf = le.AppendUint16(n.buf, i.Link)
	n.buf = le.AppendUint16(n.buf, 0)
	n.buf = le.AppendUint32(n.buf, i.SnapLen)
	n.comments(i.Comments)
	n.text(ifName, i.Name)
	n.text(ifDescription, i.Description)
	n.option(ifResolution, []byte{nanoseconds})
	if i.Filter != "" {
		n.option(ifFilter, append([]byte{0}, text(i.Filter)...)) // 0: a string of libpcap's language
	}
	n.text(ifOS, i.OS)
	if err := n.end(); err != nil {
		return 0, err
	}
	n.ifaces++
	return n.ifaces - 1, nil
}

// Packet writes a packet of the interface of that number. An error that wraps
// [ErrPacket] leaves the file as it was.
func (n *NG) Packet(iface int, p *Packet) error {
	if err := p.check(); err != nil {
		return err
	}
	if iface < 0 || iface >= n.ifaces {
		return fmt.Errorf("%w: there is no interface %d", ErrPacket, iface)
	}
	le := binary.LittleEndian
	n.begin(blockPacket)
	n.buf = le.AppendUint32(n.buf, uint32(iface))
	n.time(p.Time)
	n.buf = le.AppendUint32(n.buf, uint32(len(p.Data)))
	n.buf = le.AppendUint32(n.buf, p.wire())
	n.buf = append(n.buf, p.Data...)
	n.pad()
	n.comments(p.Comments)
	if p.Direction != Unknown {
		n.option(epbFlags, le.AppendUint32(nil, uint32(p.Direction)))
	}
	return n.end()
}

// Statistics writes what the interface of that number counted.
func (n *NG) Statistics(iface int, s *Statistics) error {
	if iface < 0 || iface >= n.ifaces {
		return fmt.Errorf("write pcapng: there is no interface %d", iface)
	}
	le := binary.LittleEndian
	n.begin(blockStatistics)
	n.buf = le.AppendUint32(n.buf, uint32(iface))
	n.time(s.Time)
	n.comments(s.Comments)
	for _, t := range []struct {
		code uint16
		at   int64
	}{{isbStart, s.Start}, {isbEnd, s.End}} {
		if t.at > 0 {
			n.option(t.code, le.AppendUint32(le.AppendUint32(nil, uint32(t.at>>32)), uint32(t.at)))
		}
	}
	for _, c := range []struct {
		code  uint16
		count int64
	}{{isbReceived, s.Received}, {isbDropped, s.Dropped}} {
		if c.count >= 0 {
			n.option(c.code, le.AppendUint64(nil, uint64(c.count)))
		}
	}
	return n.end()
}

// begin begins a block; its length is filled in by end.
func (n *NG) begin(typ uint32) {
	n.buf = binary.LittleEndian.AppendUint32(n.buf[:0], typ)
	n.buf = append(n.buf, 0, 0, 0, 0)
}

// end ends the options and the block, and writes it.
func (n *NG) end() error {
	le := binary.LittleEndian
	n.buf = le.AppendUint32(n.buf, optEnd)
	total := uint32(len(n.buf) + 4)
	n.buf = le.AppendUint32(n.buf, total)
	le.PutUint32(n.buf[4:], total)
	if _, err := n.w.Write(n.buf); err != nil {
		return fmt.Errorf("write pcapng: %w", err)
	}
	return nil
}

// time appends a time, whose upper half comes first in either byte order.
func (n *NG) time(at int64) {
	n.buf = binary.LittleEndian.AppendUint32(n.buf, uint32(at>>32))
	n.buf = binary.LittleEndian.AppendUint32(n.buf, uint32(at))
}

func (n *NG) pad() {
	for len(n.buf)%4 != 0 {
		n.buf = append(n.buf, 0)
	}
}

func (n *NG) option(code uint16, v []byte) {
	n.buf = binary.LittleEndian.AppendUint16(n.buf, code)
	n.buf = binary.LittleEndian.AppendUint16(n.buf, uint16(len(v)))
	n.buf = append(n.buf, v...)
	n.pad()
}

func (n *NG) text(code uint16, s string) {
	if s != "" {
		n.option(code, []byte(text(s)))
	}
}

func (n *NG) comments(list []string) {
	for _, s := range list[:min(len(list), MaxComments)] {
		n.text(optComment, s)
	}
}
