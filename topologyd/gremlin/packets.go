package gremlin

import (
	"context"
	"encoding/base64"
	"errors"
	"iter"
	"slices"
	"strconv"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
)

// Packets gives the packets that captures keep of flows. Its method may be
// called by several runs at once. An error ends a sequence; an iteration may be
// left at any time.
type Packets interface {
	// Packets yields the kept packets of the flows, in any order; what is not of
	// one of them is passed over. Neither the slice nor its records may be changed
	// or remembered beyond the iteration. A packet that was yielded belongs to
	// the caller.
	Packets(ctx context.Context, flows []*flowrecord.Record) iter.Seq2[*RawPacket, error]
}

// RawPacket is one packet as it was captured.
type RawPacket struct {
	// Capture is the name of the capture (CaptureID of the flow), Flow the flow.
	Capture string
	Flow    flowrecord.ID
	// NodeTID is the TID of the interface, Interface and Host its name and host.id.
	NodeTID         entity.UUID
	Interface, Host string
	// Time is when it was captured, Unix nanoseconds.
	Time int64
	// Wire is its length on the wire in bytes, of which Data holds the first.
	Wire int
	// Link is the LINKTYPE of Data (tcpdump.org/linktypes.html), 1 for Ethernet.
	Link uint16
	// Out tells that the host sent it on the interface.
	Out  bool
	Data []byte
}

// CompileBPF compiles a filter in the language of pcap-filter(7) for packets of
// a LINKTYPE; match tells whether a packet that has so many bytes on the wire
// passes. An error says what is wrong with the expression.
type CompileBPF func(expr string, link uint16) (match func(data []byte, wire int) bool, err error)

// Errors of queries for packets, in the [EvalError].
const (
	noPackets = "packets are not kept by this daemon; start topologyd with --raw-packets and create the capture with raw packets (topologyctl capture create --raw-packets=N)"
	noFilters = "packets cannot be filtered by this daemon; leave BPF out"
)

// packetBytes is what a packet takes beside its data.
const packetBytes = 160

// buildPackets makes RawPackets: () gives the packets that captures keep of the
// flows, in the order in which they were captured. All flows are collected
// first: the hosts are asked once for all of them.
func buildPackets(c *compiler, s *call, _ Kind) (op, Kind, error) {
	c.source = nil
	return func(x *exec, in flow) flow {
		return flow{kind: KindPackets, scope: in.scope, packets: func(yield func(*RawPacket) bool) {
			if x.src.Packets == nil {
				x.fail(c.misuse(s, "%s", noPackets))
				return
			}
			var flows []*flowrecord.Record
			byID := make(map[flowrecord.ID]struct{})
			for r := range in.flows {
				if !x.visit() {
					return
				}
				if _, known := byID[r.ID]; known {
					continue
				}
				kept := x.keepFlow(r)
				if kept == nil || !x.take(mapBytes) {
					return
				}
				byID[r.ID] = struct{}{}
				flows = append(flows, kept)
			}
			if x.err != nil || len(flows) == 0 {
				return
			}
			for _, p := range x.packetsOf(s, flows, byID) {
				if x.err != nil || !yield(p) {
					return
				}
			}
		}}
	}, KindPackets, c.atMost(s, 0)
}

// packetsOf fetches the packets of flows, those of the window, and puts them in
// order.
func (x *exec) packetsOf(s *call, flows []*flowrecord.Record, byID map[flowrecord.ID]struct{}) []*RawPacket {
	w, out := x.window, []*RawPacket{}
	ask := func(ctx context.Context) iter.Seq2[*RawPacket, error] { return x.src.Packets.Packets(ctx, flows) }
	drain(x, s, ask, func(p *RawPacket) bool {
		if _, wanted := byID[p.Flow]; !wanted || w.past && !w.meets(p.Time, p.Time) && !w.point {
			return true
		}
		out = append(out, p)
		return x.take(packetBytes + len(p.Data))
	})
	slices.SortStableFunc(out, func(a, b *RawPacket) int { return byTime(a, b) })
	return out
}

func byTime(a, b *RawPacket) int {
	switch {
	case a.Time < b.Time:
		return -1
	case a.Time > b.Time:
		return 1
	}
	return slices.Compare(a.Flow[:], b.Flow[:])
}

// buildBPF makes BPF: (expression) keeps the packets that pass a filter in the
// language of pcap-filter(7).
func buildBPF(c *compiler, s *call, in Kind) (op, Kind, error) {
	c.source = nil
	const what = "a filter in quotes such as 'tcp port 80'"
	if len(s.args) == 0 {
		return nil, 0, c.missing(s, what)
	}
	if !s.args[0].isKey() || s.args[0].val.Str() == "" {
		return nil, 0, c.bad(&s.args[0], what)
	}
	expr := s.args[0].val.Str()
	return func(x *exec, in flow) flow {
		f := packetFilter{c: c, s: s, x: x, expr: expr}
		in.packets = keep(x, in.packets, f.passes)
		return in
	}, in, c.atMost(s, 1)
}

// packetFilter is BPF in one run: the expression compiled for each link type
// that occurs.
type packetFilter struct {
	c     *compiler
	s     *call
	x     *exec
	expr  string
	match map[uint16]func([]byte, int) bool
}

func (f *packetFilter) passes(p *RawPacket) bool {
	match, known := f.match[p.Link]
	if !known {
		if match = f.compile(p.Link); match == nil {
			return false
		}
		if f.match == nil {
			f.match = make(map[uint16]func([]byte, int) bool)
		}
		f.match[p.Link] = match
	}
	return match(p.Data, p.Wire)
}

// compile compiles the expression; nil ends the run.
func (f *packetFilter) compile(link uint16) func([]byte, int) bool {
	if f.x.src.CompileBPF == nil {
		f.x.fail(f.c.misuse(f.s, "%s", noFilters))
		return nil
	}
	match, err := f.x.src.CompileBPF(f.expr, link)
	if err == nil && match == nil {
		err = errors.New("the filter cannot be used")
	}
	if err != nil {
		f.x.fail(f.c.refuse(&f.s.args[0], "not a filter that packets can be compared with: %v", err))
		return nil
	}
	return match
}

// Packets yields the packets of a result of packets, in order.
func (r *Result) Packets() iter.Seq[*RawPacket] { return slices.Values(r.packets) }

// Packet returns the packet of a row of a result of packets, nil for others.
func (r *Row) Packet() *RawPacket {
	if len(r.result.packets) == 0 {
		return nil
	}
	return r.result.packets[0]
}

// AppendJSON appends the packet as an object to b. Time is in Unix milliseconds
// as all times of answers, with the nanoseconds as its fraction; Data is base64.
func (p *RawPacket) AppendJSON(b []byte) []byte {
	b = entity.AppendJSONString(append(b, `{"Capture":`...), p.Capture)
	b = append(append(append(b, `,"Flow":"`...), p.Flow.String()...), '"')
	if !p.NodeTID.IsZero() {
		b = append(append(append(b, `,"NodeTID":"`...), p.NodeTID.String()...), '"')
	}
	b = entity.AppendJSONString(append(b, `,"Interface":`...), p.Interface)
	b = entity.AppendJSONString(append(b, `,"Host":`...), p.Host)
	b = appendMillis(append(b, `,"Time":`...), p.Time)
	b = strconv.AppendInt(append(b, `,"Wire":`...), int64(p.Wire), 10)
	b = strconv.AppendUint(append(b, `,"Link":`...), uint64(p.Link), 10)
	if p.Out {
		b = append(b, `,"Out":true`...)
	}
	b = base64.StdEncoding.AppendEncode(append(b, `,"Data":"`...), p.Data)
	return append(b, `"}`...)
}

// appendMillis writes nanoseconds as milliseconds, with all of their digits.
func appendMillis(b []byte, ns int64) []byte {
	const ms = 1_000_000
	if ns < 0 {
		b, ns = append(b, '-'), -ns
	}
	b = strconv.AppendInt(b, ns/ms, 10)
	rest := ns % ms
	if rest == 0 {
		return b
	}
	b = append(b, '.')
	for unit := int64(ms / 10); rest > 0; unit /= 10 {
		b = append(b, byte('0'+rest/unit))
		rest %= unit
	}
	return b
}

// packetRow gives the cells of a packet.
func packetRow(p *RawPacket) []string {
	return []string{
		string(appendMillis(nil, p.Time)), p.Interface, p.Capture, strconv.Itoa(p.Wire), strconv.Itoa(len(p.Data)), p.Flow.String(),
	}
}
