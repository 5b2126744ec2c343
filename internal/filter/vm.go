package filter

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/net/bpf"
)

// meta is what the kernel knows of a packet without its bytes.
type meta struct {
	tagged bool
	tag    uint16
	kind   uint16
	index  uint32
}

// check tells what is wrong with a program, as the kernel would: at most 4096
// instructions, known ones, jumps that go forward and stay inside, registers
// that exist, no division by the constant 0, and a return at the end.
func check(ins []bpf.RawInstruction) error {
	if len(ins) == 0 || len(ins) > MaxInstructions {
		return fmt.Errorf("%d instructions: 1 to %d are allowed", len(ins), MaxInstructions)
	}
	for i, in := range ins {
		left := uint64(len(ins) - i - 1)
		bad := false
		switch in.Op & 7 {
		case opLd, opLdx:
			bad = !loads(in)
		case opSt, opStx:
			bad = in.Op&^7 != 0 || in.K >= registers
		case opAlu:
			bad = !computes(in)
		case opJmp:
			switch in.Op {
			case opJmp:
				bad = uint64(in.K) >= left
			default:
				op := in.Op &^ (opJmp | srcX)
				bad = op < 0x10 || op > 0x40 || op&0xf != 0 || uint64(in.Jt) >= left || uint64(in.Jf) >= left
			}
		case opRet:
			bad = in.Op != opRet && in.Op != opRet|retA
		default:
			bad = in.Op != opMisc|miscTX && in.Op != opMisc|miscTA
		}
		if bad {
			return fmt.Errorf("instruction %d (%#x, %#x) is not allowed", i, in.Op, in.K)
		}
	}
	if last := ins[len(ins)-1]; last.Op&7 != opRet {
		return fmt.Errorf("the last instruction (%#x) is no return", last.Op)
	}
	return nil
}

func loads(in bpf.RawInstruction) bool {
	switch in.Op {
	case opLd | modeImm, opLdx | modeImm, opLd | modeLen, opLdx | modeLen,
		opLd | modeAbs | sizeW, opLd | modeAbs | sizeH, opLd | modeAbs | sizeB,
		opLd | modeInd | sizeW, opLd | modeInd | sizeH, opLd | modeInd | sizeB, opLdx | modeMsh | sizeB:
		return true
	case opLd | modeMem, opLdx | modeMem:
		return in.K < registers
	}
	return false
}

func computes(in bpf.RawInstruction) bool {
	switch op := aluOp(in.Op & 0xf0); op {
	case aluDiv, aluMod:
		return in.Op&srcX != 0 || in.K != 0
	case aluLsh, aluRsh:
		return in.Op&srcX != 0 || in.K < 32
	default:
		return op <= aluXor
	}
}

// run interprets a checked program: it gives what the program returns, 0 for a
// packet that a load reached beyond. Jumps go forward, so it ends.
func run(ins []bpf.RawInstruction, data []byte, wire uint32, m *meta) uint32 {
	var a, x uint32
	var mem [registers]uint32
	for pc := 0; pc < len(ins); pc++ {
		in := &ins[pc]
		k := in.K
		switch in.Op {
		case opLd | modeAbs | sizeB, opLd | modeAbs | sizeH, opLd | modeAbs | sizeW:
			if k >= ancillary {
				a = m.load(k)
				continue
			}
			v, ok := fetch(data, in.Op, uint64(k))
			if !ok {
				return 0
			}
			a = v
		case opLd | modeInd | sizeB, opLd | modeInd | sizeH, opLd | modeInd | sizeW:
			v, ok := fetch(data, in.Op, uint64(k)+uint64(x))
			if !ok {
				return 0
			}
			a = v
		case opLdx | modeMsh | sizeB:
			if uint64(k) >= uint64(len(data)) {
				return 0
			}
			x = uint32(data[k]&0xf) << 2
		case opJmp | uint16(testEqual):
			if a == k {
				pc += int(in.Jt)
			} else {
				pc += int(in.Jf)
			}
		case opJmp | uint16(testGreater):
			if a > k {
				pc += int(in.Jt)
			} else {
				pc += int(in.Jf)
			}
		case opJmp | uint16(testAtLeast):
			if a >= k {
				pc += int(in.Jt)
			} else {
				pc += int(in.Jf)
			}
		case opJmp | uint16(testBits):
			if a&k != 0 {
				pc += int(in.Jt)
			} else {
				pc += int(in.Jf)
			}
		case opJmp:
			pc += int(k)
		case opRet:
			return k
		case opRet | retA:
			return a
		case opAlu | uint16(aluAnd):
			a &= k
		case opAlu | uint16(aluAdd):
			a += k
		case opLd | modeImm:
			a = k
		case opLdx | modeImm:
			x = k
		case opLd | modeLen:
			a = wire
		case opLdx | modeLen:
			x = wire
		case opLd | modeMem:
			a = mem[k&(registers-1)]
		case opLdx | modeMem:
			x = mem[k&(registers-1)]
		case opSt:
			mem[k&(registers-1)] = a
		case opStx:
			mem[k&(registers-1)] = x
		case opMisc | miscTX:
			x = a
		case opMisc | miscTA:
			a = x
		case opAlu | aluNeg:
			a = -a
		case opJmp | srcX | uint16(testEqual), opJmp | srcX | uint16(testGreater), opJmp | srcX | uint16(testAtLeast), opJmp | srcX | uint16(testBits):
			if (test{op: testOp(in.Op & 0xf0), k: x}).holds(a) {
				pc += int(in.Jt)
			} else {
				pc += int(in.Jf)
			}
		default:
			if in.Op&7 != opAlu {
				return 0
			}
			if in.Op&srcX != 0 {
				k = x
			}
			op := aluOp(in.Op & 0xf0)
			if k == 0 && op.divides() {
				return 0
			}
			a = op.apply(a, k)
		}
	}
	return 0
}

// fetch reads bytes of the packet, the size being part of op.
func fetch(data []byte, op uint16, at uint64) (uint32, bool) {
	n := uint64(len(data))
	switch {
	case op&sizeB != 0:
		if at < n {
			return uint32(data[at]), true
		}
	case op&sizeH != 0:
		if at+2 <= n {
			return uint32(binary.BigEndian.Uint16(data[at:])), true
		}
	case at+4 <= n:
		return binary.BigEndian.Uint32(data[at:]), true
	}
	return 0, false
}

// load gives ancillary data; without any of it, as in a file, the packet has no
// tag, came in, and is of interface 0.
func (m *meta) load(k uint32) uint32 {
	if m == nil {
		return 0
	}
	switch k {
	case ancillaryTag:
		return uint32(m.tag)
	case ancillaryTagged:
		if m.tagged {
			return 1
		}
	case ancillaryType:
		return uint32(m.kind)
	case ancillaryInterface:
		return m.index
	}
	return 0
}
