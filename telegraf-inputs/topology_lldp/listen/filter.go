package listen

import (
	"golang.org/x/net/bpf"
)

// program returns the filter of the packet socket. All frames of the namespace
// pass it, so what is neither LLDP nor a frame of IEEE 802.3 is decided by the
// first three instructions. Offsets are from the Ethernet header; the kernel has
// taken a VLAN tag away and keeps it beside the frame.
func program(wantLLDP, wantCDP bool) ([]bpf.RawInstruction, error) {
	const (
		labelLLDP = iota
		labelCommon
		labelDrop
		labels
	)
	type jump struct{ at, label int } // a jump that is not taken goes on
	var prog []bpf.Instruction
	var jumps []jump
	where := [labels]int{}
	add := func(i bpf.Instruction) { prog = append(prog, i) }
	// on jumps when the accumulator compares so.
	on := func(cond bpf.JumpTest, val uint32, label int) {
		jumps = append(jumps, jump{len(prog), label})
		add(bpf.JumpIf{Cond: cond, Val: val})
	}

	add(bpf.LoadAbsolute{Off: 12, Size: 2})
	if wantLLDP {
		on(bpf.JumpEqual, 0x88cc, labelLLDP)
	}
	on(bpf.JumpGreaterOrEqual, 0x600, labelDrop)
	if !wantCDP {
		add(bpf.RetConstant{})
	}
	if wantCDP {
		// To 01:00:0c:cc:cc:cc, LLC and SNAP of Cisco's CDP.
		for _, x := range []struct{ off, val uint32 }{{0, 0x01000ccc}, {14, 0xaaaa0300}, {18, 0x000c2000}} {
			add(bpf.LoadAbsolute{Off: x.off, Size: 4})
			on(bpf.JumpNotEqual, x.val, labelDrop)
		}
		add(bpf.LoadAbsolute{Off: 4, Size: 2})
		on(bpf.JumpEqual, 0xcccc, labelCommon)
		add(bpf.RetConstant{})
	}
	// LLDP is never of a VLAN; a tag with a priority alone does no harm.
	where[labelLLDP] = len(prog)
	if wantLLDP {
		add(bpf.LoadExtension{Num: bpf.ExtVLANTag})
		add(bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: 0xfff})
		on(bpf.JumpNotEqual, 0, labelDrop)
	}
	// Not what the host itself sends, and only from Ethernet: other links have
	// something else at these offsets.
	where[labelCommon] = len(prog)
	add(bpf.LoadExtension{Num: bpf.ExtType})
	on(bpf.JumpEqual, packetOutgoing, labelDrop)
	add(bpf.LoadExtension{Num: bpf.ExtLinkLayerType})
	on(bpf.JumpNotEqual, arphrdEther, labelDrop)
	add(bpf.RetConstant{Val: maxFrame})
	where[labelDrop] = len(prog)
	add(bpf.RetConstant{})

	for _, j := range jumps {
		i, _ := prog[j.at].(bpf.JumpIf)
		i.SkipTrue = uint8(where[j.label] - j.at - 1)
		prog[j.at] = i
	}
	return bpf.Assemble(prog)
}

// packetOutgoing is the type of packets that the host sends (linux/if_packet.h).
const packetOutgoing = 4
