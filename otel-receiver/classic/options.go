package classic

import "github.com/cilium/ebpf/asm"

// Direction says which way the packets go that a program sees. The kernel marks
// those that leave only after the programs of tc have run (PACKET_OUTGOING,
// linux/if_packet.h), so "inbound" and "outbound" need to be told.
type Direction uint8

// The directions.
const (
	// Ingress programs see packets that come in: their kind is what the kernel says.
	Ingress Direction = iota
	// Egress programs see packets that leave.
	Egress
	// Argument is for functions that serve both: int f(struct __sk_buff *skb, int
	// outgoing), where outgoing is not 0 for packets that leave.
	Argument
)

// Options say how a program is translated.
type Options struct {
	// Symbol is the name of the function, on its first instruction; "" for none.
	Symbol string
	// Direction is the one of the packets.
	Direction Direction
	// Helper makes all loads by the helper bpf_skb_load_bytes. Otherwise loads at
	// constant offsets look at the packet directly first, which is several times
	// faster and needs a program kind that may (sched_cls, not socket_filter).
	Helper bool
}

// The context of the program (struct __sk_buff, linux/bpf.h).
const (
	skbLen          = 0
	skbPktType      = 4
	skbMark         = 8
	skbQueueMapping = 12
	skbProtocol     = 16
	skbVLANPresent  = 20
	skbVLANTCI      = 24
	skbVLANProto    = 28
	skbIfIndex      = 40
	skbHash         = 68
	skbData         = 76
	skbDataEnd      = 80
)

// The parts of the code of a classic instruction (linux/bpf_common.h).
const (
	opLd   = 0x00
	opLdx  = 0x01
	opSt   = 0x02
	opStx  = 0x03
	opAlu  = 0x04
	opJmp  = 0x05
	opRet  = 0x06
	opMisc = 0x07

	sizeH = 0x08
	sizeB = 0x10

	modeImm = 0x00
	modeAbs = 0x20
	modeInd = 0x40
	modeMem = 0x60
	modeLen = 0x80
	modeMsh = 0xa0

	srcX   = 0x08
	retA   = 0x10
	miscTX = 0x00
	miscTA = 0x80

	aluAdd = 0x00
	aluSub = 0x10
	aluMul = 0x20
	aluDiv = 0x30
	aluOr  = 0x40
	aluAnd = 0x50
	aluLsh = 0x60
	aluRsh = 0x70
	aluNeg = 0x80
	aluMod = 0x90
	aluXor = 0xa0

	jmpJA   = 0x00
	jmpJEQ  = 0x10
	jmpJGT  = 0x20
	jmpJGE  = 0x30
	jmpJSET = 0x40
)

// Offsets of loads that mean something else than a place in the packet
// (linux/filter.h).
const (
	adOff  = 0xfffff000 // SKF_AD_OFF
	netOff = 0xfff00000 // SKF_NET_OFF
	llOff  = 0xffe00000 // SKF_LL_OFF

	adProtocol   = adOff + 0
	adPktType    = adOff + 4
	adIfIndex    = adOff + 8
	adMark       = adOff + 20
	adQueue      = adOff + 24
	adRxHash     = adOff + 32
	adCPU        = adOff + 36
	adAluXorX    = adOff + 40
	adVLANTag    = adOff + 44
	adVLANTagged = adOff + 48
	adRandom     = adOff + 56
	adVLANProto  = adOff + 60
)

// packetOutgoing is PACKET_OUTGOING of linux/if_packet.h.
const packetOutgoing = 4

// headers that bpf_skb_load_bytes_relative counts from (linux/bpf.h).
const (
	fromMAC     = 0 // BPF_HDR_START_MAC
	fromNetwork = 1 // BPF_HDR_START_NET
)

// The registers: the context and the two of classic BPF survive calls.
const (
	regCtx = asm.R6
	regA   = asm.R7
	regX   = asm.R8
	// regOut holds the argument outgoing.
	regOut = asm.R9
)

// The stack: 16 words of memory below the frame pointer, then room for one load.
const (
	cells   = 16
	memory  = -4 * cells
	loadBuf = memory - 8
)

// MaxInstructions is how long a classic program may be: BPF_MAXINSNS of Linux
// (linux/bpf_common.h).
const MaxInstructions = 4096
