package packets

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/internal/pcapwrite"
	"github.com/skein-net/skein/topologyd/capture"
	"github.com/skein-net/skein/topologyd/gremlin"
)

// Format is how packets are written.
type Format string

// The formats. JSON is one object a line, with the names of RawPackets().
const (
	PcapNG Format = "pcapng"
	Pcap   Format = "pcap"
	JSON   Format = "json"
)

// ErrMixed is wrapped by the error for packets that do not fit into one pcap
// file.
var ErrMixed = errors.New("a pcap file has one link type only, and the packets have several; use format=pcapng, or name a node")

// Sink is where an answer goes.
type Sink interface {
	io.Writer
	// Flush has what was written go out at once.
	Flush() error
}

// Write writes an answer in a format until its end. application says who writes
// it. What was met on the way stands at the end of a pcapng file, and in the
// answer's summary. An error of the answer itself ends the file as it should end,
// and is returned.
func Write(w Sink, f Format, a *Answer, application string) error {
	var (
		enc encoder
		err error
	)
	switch f {
	case Pcap:
		enc = &pcapEncoder{w: w}
	case JSON:
		enc = &jsonEncoder{w: w}
	case PcapNG:
		enc, err = newNGEncoder(w, a, application)
	default:
		err = fmt.Errorf("there is no format %q", f)
	}
	if err != nil {
		a.Fail(err)
		return err
	}
	if a.Query.Follow { // a reader shows at once that it goes on
		if err := w.Flush(); err != nil {
			a.Fail(err)
			return err
		}
	}
	var failed error
	for b, err := range a.Batches() {
		if err != nil {
			failed = err
			break
		}
		if err := enc.batch(b); err != nil {
			a.Fail(err)
			return err
		}
		if a.Query.Follow {
			if err := w.Flush(); err != nil {
				a.Fail(err)
				return err
			}
		}
	}
	if err := enc.end(failed); err != nil {
		a.Fail(err)
		return err
	}
	return failed
}

// encoder writes one file.
type encoder interface {
	batch(b []Packet) error
	end(failed error) error
}

// pcapEncoder writes the header with the first packet, whose link type it has.
type pcapEncoder struct {
	w    io.Writer
	p    *pcapwrite.Pcap
	link uint16
}

func (e *pcapEncoder) begin(link uint16) (err error) {
	e.link = link
	e.p, err = pcapwrite.NewPcap(e.w, link)
	return err
}

func (e *pcapEncoder) batch(b []Packet) error {
	for i := range b {
		p := &b[i]
		if e.p == nil {
			if err := e.begin(p.Link); err != nil {
				return err
			}
		}
		if p.Link != e.link {
			return fmt.Errorf("%w (%d and %d)", ErrMixed, e.link, p.Link)
		}
		if err := e.p.Packet(&pcapwrite.Packet{Time: p.Time, Data: p.Data, Wire: p.Wire}); err != nil {
			return err
		}
	}
	return nil
}

func (e *pcapEncoder) end(error) error {
	if e.p == nil {
		return e.begin(1) // an empty file is one too
	}
	return nil
}

type jsonEncoder struct {
	w   io.Writer
	buf []byte
}

func (e *jsonEncoder) batch(b []Packet) error {
	e.buf = e.buf[:0]
	for i := range b {
		e.buf = append(b[i].Raw().AppendJSON(e.buf), '\n')
	}
	if len(e.buf) == 0 {
		return nil
	}
	_, err := e.w.Write(e.buf)
	return err
}

func (e *jsonEncoder) end(error) error { return nil }

// Raw returns the packet as queries know it. It shares the data.
func (p *Packet) Raw() *gremlin.RawPacket {
	return &gremlin.RawPacket{
		Capture: Name(p.Capture), Flow: p.Flow, NodeTID: p.TID, Interface: p.Node.Interface, Host: p.Node.Host,
		Time: p.Time, Wire: p.Wire, Link: p.Link, Out: p.Out, Data: p.Data,
	}
}

// ifaceKey is what one interface of a pcapng file stands for.
type ifaceKey struct {
	assignment string
	link       uint16
}

// ngEncoder writes pcapng: an interface for each node and link type.
type ngEncoder struct {
	a      *Answer
	n      *pcapwrite.NG
	d      *describer
	ifaces map[ifaceKey]int
	nodes  []*Packet // the first packet of each, for what it says of its node
}

func newNGEncoder(w io.Writer, a *Answer, application string) (*ngEncoder, error) {
	n, err := pcapwrite.NewNG(w, &pcapwrite.Section{Comments: a.about(), Application: application})
	if err != nil {
		return nil, err
	}
	return &ngEncoder{a: a, n: n, d: newDescriber(a.s, a.Query.Follow), ifaces: make(map[ifaceKey]int)}, nil
}

// about says what the answer is, for people.
func (a *Answer) about() []string {
	ids, names, _, filters := a.Query.names()
	text := "capture " + ids
	if names != "" {
		text += " (" + names + ")"
	}
	if filters != "" {
		text += ", filter: " + filters
	}
	out := []string{text, fmt.Sprintf("%d interfaces of %d hosts, asked at %s, request %s", a.Nodes, a.Hosts, a.Started.UTC().Format(time.RFC3339), a.Request)}
	return append(out, missingTexts(a.Missing())...)
}

// missingTexts says who is missing; of many, the first ones.
func missingTexts(list []Missing) (out []string) {
	const most = 20
	for _, m := range list[:min(len(list), most)] {
		out = append(out, "missing: host "+m.Name+": "+m.Reason)
	}
	if len(list) > most {
		out = append(out, fmt.Sprintf("missing: %d more hosts", len(list)-most))
	}
	return out
}

// Interface is the name of the interface of a packet: host, namespace and
// interface, with "/" between.
func (p *Packet) Interface() string {
	host := p.Node.HostName
	if host == "" {
		host = p.Node.Host
	}
	return host + "/" + p.Node.NetNS + "/" + p.Node.Interface
}

func (e *ngEncoder) iface(p *Packet) (int, error) {
	key := ifaceKey{p.Assignment, p.Link}
	if n, known := e.ifaces[key]; known {
		return n, nil
	}
	about := pcapwrite.Interface{Name: p.Interface(), Link: p.Link, Description: "capture " + Name(p.Capture) + ", node " + p.Node.Node}
	if p.Node.TID != "" {
		about.Description += ", TID " + p.Node.TID
	}
	if s, ok := p.Capture.Spec.(*capture.Spec); ok {
		about.Filter, about.SnapLen = s.Filter, uint32(max(s.SnapLen, 0))
	}
	if s := p.Node.Sampling; s > 1 {
		about.Comments = []string{fmt.Sprintf("one packet of %d is captured", s)}
	}
	n, err := e.n.Interface(&about)
	if err != nil {
		return 0, err
	}
	e.ifaces[key] = n
	e.nodes = append(e.nodes, p)
	return n, nil
}

func (e *ngEncoder) batch(b []Packet) error {
	e.d.look(e.a.ctx, b)
	for i := range b {
		p := &b[i]
		n, err := e.iface(p)
		if err != nil {
			return err
		}
		k := pcapwrite.Packet{Time: p.Time, Data: p.Data, Wire: p.Wire, Direction: pcapwrite.Inbound, Comments: e.d.comments(p)}
		if p.Out {
			k.Direction = pcapwrite.Outbound
		}
		if err := e.n.Packet(n, &k); err != nil {
			return err
		}
	}
	return nil
}

// end writes what each interface counted; how the answer ended stands with the
// first one, the only place for it.
func (e *ngEncoder) end(failed error) error {
	s := e.a.Summary()
	now := e.a.s.now().UnixNano()
	for i, p := range e.nodes {
		stats := pcapwrite.Statistics{Time: now, Received: -1, Dropped: -1}
		node := p.Node
		if at := e.a.find(node.Host, p.Assignment); at != nil {
			node = &at.NodeStatus
		}
		if c := node.Counters; c.Packets > 0 {
			stats.Received, stats.Dropped = c.Packets, 0
			for _, n := range c.Dropped {
				stats.Dropped += max(n, 0)
			}
			stats.Comments = []string{"received and dropped are those of the capture since it began"}
		}
		if i == 0 {
			stats.Comments = append(stats.Comments, s.texts(failed)...)
		}
		if err := e.n.Statistics(i, &stats); err != nil {
			return err
		}
	}
	return nil
}

// texts says how an answer ended.
func (s *Summary) texts(failed error) []string {
	out := []string{fmt.Sprintf("%d packets of %d bytes", s.Packets, s.Bytes)}
	if s.Limit != "" {
		out = append(out, "cut off: the bound of "+s.Limit+" was met; there is more")
	}
	if s.Lost > 0 {
		out = append(out, fmt.Sprintf("%d packets were overwritten before they were fetched", s.Lost))
	}
	if s.Refused > 0 {
		out = append(out, fmt.Sprintf("%d packets were not what was asked for, and are left out", s.Refused))
	}
	if failed != nil {
		out = append(out, "ended early: "+failed.Error())
	}
	return append(out, missingTexts(s.Missing)...)
}

// FileName returns a name for a file with the packets of captures that is safe
// everywhere.
func (q *Query) FileName(f Format) string {
	var b strings.Builder
	if len(q.Captures) == 1 {
		for _, r := range Name(q.Captures[0]) {
			switch {
			case b.Len() >= 64:
			case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_':
				b.WriteRune(r)
			default:
				b.WriteByte('_')
			}
		}
	}
	if b.Len() == 0 {
		b.WriteString("packets")
	}
	return b.String() + "." + string(f)
}

// WriteRaw writes packets that a query of the query language gave. A pcapng file
// has the interfaces by host and name. application says who writes it.
func WriteRaw(w io.Writer, f Format, packets func(yield func(*gremlin.RawPacket) bool), application string, now time.Time) error {
	var err error
	switch f {
	case Pcap:
		e := &pcapEncoder{w: w}
		for p := range packets {
			if err = e.batch([]Packet{{Time: p.Time, Link: p.Link, Wire: p.Wire, Data: p.Data}}); err != nil {
				return err
			}
		}
		return e.end(nil)
	case PcapNG:
		return writeRawNG(w, packets, application, now)
	default:
		return fmt.Errorf("there is no format %q", f)
	}
}

// rawKey is what one interface of the packets of a query stands for.
type rawKey struct {
	host, name, capture string
	tid                 entity.UUID
	link                uint16
}

func writeRawNG(w io.Writer, packets func(yield func(*gremlin.RawPacket) bool), application string, now time.Time) error {
	n, err := pcapwrite.NewNG(w, &pcapwrite.Section{Application: application, Comments: []string{"the packets of a query, asked at " + now.UTC().Format(time.RFC3339)}})
	if err != nil {
		return err
	}
	ifaces := make(map[rawKey]int)
	for p := range packets {
		key := rawKey{p.Host, p.Interface, p.Capture, p.NodeTID, p.Link}
		id, known := ifaces[key]
		if !known {
			about := pcapwrite.Interface{Name: p.Host + "//" + p.Interface, Description: "capture " + p.Capture, Link: p.Link}
			if !p.NodeTID.IsZero() {
				about.Description += ", TID " + p.NodeTID.String()
			}
			if id, err = n.Interface(&about); err != nil {
				return err
			}
			ifaces[key] = id
		}
		k := pcapwrite.Packet{Time: p.Time, Data: p.Data, Wire: p.Wire, Direction: pcapwrite.Inbound}
		if p.Flow != (flowrecord.ID{}) {
			k.Comments = []string{"flow " + p.Flow.String()}
		}
		if p.Out {
			k.Direction = pcapwrite.Outbound
		}
		if err := n.Packet(id, &k); err != nil {
			return err
		}
	}
	return nil
}
