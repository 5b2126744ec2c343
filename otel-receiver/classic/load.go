package classic

import (
	"github.com/cilium/ebpf/asm"
	"golang.org/x/net/bpf"
)

// maxDirect is the highest offset at which packets are looked at directly: it
// fits the offset of an instruction, and few headers are longer.
const maxDirect = 0x3fff

func sizeOf(in bpf.RawInstruction) asm.Size {
	switch {
	case in.Op&sizeB != 0:
		return asm.Byte
	case in.Op&sizeH != 0:
		return asm.Half
	}
	return asm.Word
}

// load puts something into A.
func (t *translation) load(in bpf.RawInstruction) {
	switch in.Op &^ (sizeH | sizeB) {
	case opLd | modeImm:
		t.add(asm.Mov.Imm32(regA, int32(in.K)))
	case opLd | modeLen:
		t.add(asm.LoadMem(regA, regCtx, skbLen, asm.Word))
	case opLd | modeMem:
		t.add(asm.LoadMem(regA, asm.R10, cell(in.K), asm.Word))
	case opLd | modeInd:
		t.add(asm.Mov.Reg32(asm.R2, regX))
		if in.K != 0 {
			// The sum has 32 bits. What is above INT_MAX the helper refuses.
			t.add(asm.Add.Imm32(asm.R2, int32(in.K)))
		}
		t.call(regA, sizeOf(in), asm.FnSkbLoadBytes)
	default:
		switch {
		case in.K >= adOff:
			t.ancillary(in.K)
		case in.K >= netOff:
			t.relative(sizeOf(in), in.K-netOff, fromNetwork)
		case in.K >= llOff:
			t.relative(sizeOf(in), in.K-llOff, fromMAC)
		default:
			t.packet(regA, sizeOf(in), in.K)
		}
	}
}

// packet loads size bytes at a constant offset of the frame into dst.
func (t *translation) packet(dst asm.Register, size asm.Size, at uint32) {
	if at > 1<<31-1 {
		t.zero()
		return
	}
	if t.opt.Helper || at > maxDirect {
		t.add(asm.Mov.Imm32(asm.R2, int32(at)))
		t.call(dst, size, asm.FnSkbLoadBytes)
		return
	}
	t.add(
		asm.LoadMem(asm.R2, regCtx, skbData, asm.Word),
		asm.LoadMem(asm.R3, regCtx, skbDataEnd, asm.Word),
		asm.Mov.Reg(asm.R1, asm.R2),
		asm.Add.Imm(asm.R1, int32(at)+int32(size.Sizeof())),
	)
	over := len(t.out)
	t.add(
		asm.JGT.Reg(asm.R1, asm.R3, ""),
		asm.LoadMem(dst, asm.R2, int16(at), size),
	)
	t.network(dst, size)
	end := len(t.out)
	t.add(asm.Ja.Label(""))
	t.out[over].Offset = int16(len(t.out) - over - 1)
	t.add(asm.Mov.Imm32(asm.R2, int32(at)))
	t.call(dst, size, asm.FnSkbLoadBytes)
	t.out[end].Offset = int16(len(t.out) - end - 1)
}

// relative loads bytes that are counted from a header.
func (t *translation) relative(size asm.Size, at uint32, from int32) {
	t.add(asm.Mov.Imm32(asm.R2, int32(at)), asm.Mov.Imm32(asm.R5, from))
	t.call(regA, size, asm.FnSkbLoadBytesRelative)
}

// call loads size bytes by a helper; R2 has the offset. A packet that is too short
// ends the program.
func (t *translation) call(dst asm.Register, size asm.Size, fn asm.BuiltinFunc) {
	t.add(
		asm.Mov.Reg(asm.R1, regCtx),
		asm.Mov.Reg(asm.R3, asm.R10),
		asm.Add.Imm(asm.R3, loadBuf),
		asm.Mov.Imm32(asm.R4, int32(size.Sizeof())),
		fn.Call(),
		skip(asm.JEq.Imm(asm.R0, 0, ""), 2),
	)
	t.zero()
	t.add(asm.LoadMem(dst, asm.R10, loadBuf, size))
	t.network(dst, size)
}

// network turns what was loaded from network order.
func (t *translation) network(dst asm.Register, size asm.Size) {
	if size != asm.Byte {
		t.add(asm.HostTo(asm.BE, dst, size))
	}
}

// ancillary loads what the kernel knows of a packet. Fields that are in network
// order in the kernel are turned, as for socket filters.
func (t *translation) ancillary(k uint32) {
	field := func(at int16) { t.add(asm.LoadMem(regA, regCtx, at, asm.Word)) }
	switch k {
	case adProtocol:
		field(skbProtocol)
		t.network(regA, asm.Half)
	case adVLANProto:
		field(skbVLANProto)
		t.network(regA, asm.Half)
	case adPktType:
		t.kind()
	case adIfIndex:
		field(skbIfIndex)
	case adMark:
		field(skbMark)
	case adQueue:
		field(skbQueueMapping)
	case adRxHash:
		field(skbHash)
	case adVLANTag:
		field(skbVLANTCI)
	case adVLANTagged:
		field(skbVLANPresent)
	case adAluXorX:
		t.add(asm.Xor.Reg32(regA, regX))
	case adRandom:
		t.add(asm.FnGetPrandomU32.Call(), asm.Mov.Reg32(regA, asm.R0))
	case adCPU:
		t.add(asm.FnGetSmpProcessorId.Call(), asm.Mov.Reg32(regA, asm.R0))
	}
}

// kind loads the kind of the packet: for which host it is, or that it leaves.
func (t *translation) kind() {
	switch t.opt.Direction {
	case Egress:
		t.add(asm.Mov.Imm32(regA, packetOutgoing))
	case Argument:
		t.add(
			asm.Mov.Imm32(regA, packetOutgoing),
			skip(asm.JNE.Imm32(regOut, 0, ""), 1),
		)
		t.add(asm.LoadMem(regA, regCtx, skbPktType, asm.Word))
	default:
		t.add(asm.LoadMem(regA, regCtx, skbPktType, asm.Word))
	}
}
