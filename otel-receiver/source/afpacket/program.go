package afpacket

import (
	"fmt"

	"golang.org/x/net/bpf"
)

// Operations of classic BPF and the kernel's extension that are used here
// (linux/filter.h, linux/bpf_common.h).
const (
	opLoadAbsB = 0x30 // ldb [k]
	opLoadImm  = 0x00 // ld #k
	opJumpEq   = 0x15 // jeq #k
	opRetK     = 0x06 // ret #k

	adPktType      = 0xfffff000 + 4 // SKF_AD_OFF + SKF_AD_PKTTYPE
	packetOutgoing = 4              // PACKET_OUTGOING

	maxProgram = 4096 // BPF_MAXINSNS
)

// dropAll is the filter that nothing passes.
func dropAll() []bpf.RawInstruction { return []bpf.RawInstruction{{Op: opRetK}} }

// program makes the filter that the kernel runs: the user's, never returning
// more than snap, after what leaves out the first sight of looped packets.
func program(user []bpf.RawInstruction, snap int, loopback bool) ([]bpf.RawInstruction, error) {
	if len(user) == 0 {
		user = []bpf.RawInstruction{{Op: opRetK, K: uint32(snap)}}
	}
	out := make([]bpf.RawInstruction, 0, len(user)+4)
	if loopback {
		out = append(out,
			bpf.RawInstruction{Op: opLoadAbsB, K: adPktType},
			bpf.RawInstruction{Op: opJumpEq, Jt: 0, Jf: 1, K: packetOutgoing},
			bpf.RawInstruction{Op: opRetK},
			bpf.RawInstruction{Op: opLoadImm},
		)
	}
	for _, ins := range user {
		if ins.Op == opRetK {
			ins.K = min(ins.K, uint32(snap))
		}
		out = append(out, ins)
	}
	if len(out) > maxProgram {
		return nil, fmt.Errorf("filter has %d instructions: the kernel takes %d", len(out), maxProgram)
	}
	return out, nil
}
