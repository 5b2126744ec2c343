package filter

import (
	"fmt"

	"golang.org/x/net/bpf"
)

// MaxInstructions is how long a program may be: BPF_MAXINSNS of Linux
// (linux/bpf_common.h).
const MaxInstructions = 4096

// MaxExpr is how long the text of a filter may be, in bytes.
const MaxExpr = 1 << 16

// DefaultSnapLen is what programs return for packets that match when Options
// name no other length: all of the packet.
const DefaultSnapLen = 262144

// Options say what a filter is compiled for.
type Options struct {
	// Link is what the frames begin with. LinkNull is 0, so it has to be set.
	Link Link
	// SnapLen is how many bytes the kernel keeps of packets that match;
	// DefaultSnapLen when it is 0.
	SnapLen uint32
	// KernelVLAN is for programs that the kernel runs on an AF_PACKET socket:
	// there the outermost VLAN tag was taken out of the frame already, and "vlan"
	// looks for it in what the kernel knows of the packet (SKF_AD_VLAN_TAG), in
	// the frame only if it is not there. It also allows "inbound", "outbound" and
	// "ifindex".
	KernelVLAN bool
}

// Filter is a compiled filter. It never changes and may be used concurrently.
type Filter struct {
	expr string
	ins  []bpf.RawInstruction
}

// Compile compiles a filter in the language of pcap-filter(7). The empty filter
// matches everything. The error is an *Error.
func Compile(expr string, o Options) (*Filter, error) {
	ins, err := compile(expr, o)
	if err != nil {
		err.Expr = expr
		return nil, err
	}
	return &Filter{expr, ins}, nil
}

func compile(expr string, o Options) ([]bpf.RawInstruction, *Error) {
	if len(expr) > MaxExpr {
		return nil, failure(MaxExpr, "the filter is longer than %d bytes: split it", MaxExpr)
	}
	f, ok := newFrame(o.Link)
	if !ok {
		return nil, failure(0, "filters for link type %d are not supported", o.Link)
	}
	tokens, err := lex(expr)
	if err != nil {
		return nil, err
	}
	tree, err := parse(tokens)
	if err != nil {
		return nil, err
	}
	l := &lowering{values: newValues(), frame: f, kernel: o.KernelVLAN}
	c, err := l.node(tree)
	if err != nil {
		return nil, err
	}
	if c.size() > maxBlocks {
		return nil, failure(len(expr), "the filter is too long: use nets and port ranges")
	}
	g := newGraph(c)
	g.optimize()
	if g.root.end == reject {
		return nil, failure(0, "no packet can match: some of the conditions exclude one another, or cannot be on %s", f.link)
	}
	snaplen := o.SnapLen
	if snaplen == 0 {
		snaplen = DefaultSnapLen
	}
	ins, ok := g.emit(snaplen)
	if !ok {
		return nil, failure(0, "a sum is nested too deep: simplify it")
	}
	if len(ins) > MaxInstructions {
		return nil, failure(len(expr), "the filter needs %d instructions, the kernel takes %d at most: use nets and port ranges", len(ins), MaxInstructions)
	}
	if bad := check(ins); bad != nil {
		return nil, failure(0, "the program is not valid: %v", bad)
	}
	return ins, nil
}

// Raw gives a copy of the program, for SO_ATTACH_FILTER. It returns the snap
// length for packets that match, 0 for others.
func (f *Filter) Raw() []bpf.RawInstruction {
	return append([]bpf.RawInstruction(nil), f.ins...)
}

// Matches reports whether the filter matches a frame of which data was captured
// and that had wire bytes on the wire. It allocates nothing. What "vlan" looks
// for in the kernel's knowledge (Options.KernelVLAN) is not there.
func (f *Filter) Matches(data []byte, wire int) bool {
	return run(f.ins, data, uint32(wire), nil) != 0
}

// String gives the text of the filter.
func (f *Filter) String() string { return f.expr }

// Listing gives the program in the notation of "tcpdump -d".
func (f *Filter) Listing() string {
	var b []byte
	for i, in := range f.ins {
		b = fmt.Appendf(b, "(%03d) %v\n", i, in.Disassemble())
	}
	return string(b)
}
