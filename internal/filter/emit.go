package filter

import "golang.org/x/net/bpf"

// The parts of the code of an instruction of classic BPF (linux/bpf_common.h).
const (
	opLd   = 0x00
	opLdx  = 0x01
	opSt   = 0x02
	opStx  = 0x03
	opAlu  = 0x04
	opJmp  = 0x05
	opRet  = 0x06
	opMisc = 0x07

	sizeW = 0x00
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
	aluNeg = 0x80
	miscTX = 0x00
	miscTA = 0x80
)

// held is what the registers A and X hold, nil when it is not known.
type held struct{ a, x *value }

// emitter writes the blocks of a graph as instructions.
type emitter struct {
	held
	ins []bpf.RawInstruction
	// spill is the lowest cell of memory that keeps a part of a sum.
	spill register
	// full is set when a sum needed more cells than there are.
	full bool
}

func (e *emitter) op(op uint16, k uint32) {
	e.ins = append(e.ins, bpf.RawInstruction{Op: op, K: k})
}

// block writes the stores of a block and the values of its test. The jump is
// the last instruction, its targets are open.
func (e *emitter) block(b *block) {
	for _, s := range b.stores {
		e.intoA(s.v)
		e.op(opSt, uint32(s.r))
		if e.x != nil && e.x.deps&(1<<s.r) != 0 {
			e.x = nil
		}
		if e.a.deps&(1<<s.r) != 0 {
			e.a = nil
		}
	}
	if !b.tests {
		return
	}
	e.load(b.test)
	if b.test.x != nil {
		e.op(opJmp|srcX|uint16(b.test.op), 0)
	} else {
		e.op(opJmp|uint16(b.test.op), b.test.k)
	}
}

// load brings the values of a test into A and X.
func (e *emitter) load(t test) {
	if t.x != nil {
		e.both(t.v, t.x)
	} else {
		e.intoA(t.v)
	}
}

// both loads a into A and x into X.
func (e *emitter) both(a, x *value) {
	switch {
	case direct(x):
		e.intoA(a)
		e.intoX(x)
	case !usesX(a):
		e.intoA(x)
		e.op(opMisc|miscTX, 0)
		e.x = x
		e.intoA(a)
	default:
		if e.spill <= lowRegisters {
			e.full = true
			return
		}
		e.spill--
		cell := uint32(e.spill)
		e.intoA(x)
		e.op(opSt, cell)
		e.intoA(a)
		e.op(opLdx|modeMem, cell)
		e.x = x
		e.spill++
	}
}

// direct reports whether v can be loaded into X without A.
func direct(v *value) bool {
	switch v.kind {
	case valConst, valMem, valMsh, valLen:
		return true
	}
	return false
}

// usesX reports whether loading v into A may change X.
func usesX(v *value) bool {
	switch v.kind {
	case valInd, valMsh:
		return true
	case valBinary:
		return v.b.kind != valConst || usesX(v.a)
	}
	return false
}

func sizeCode(size uint8) uint16 {
	switch size {
	case 1:
		return sizeB
	case 2:
		return sizeH
	}
	return sizeW
}

// intoA makes A hold v.
func (e *emitter) intoA(v *value) {
	if e.a == v {
		return
	}
	switch v.kind {
	case valConst:
		e.op(opLd|modeImm, v.k)
	case valLen:
		e.op(opLd|modeLen, 0)
	case valMem:
		if e.x == v {
			e.op(opMisc|miscTA, 0)
		} else {
			e.op(opLd|modeMem, v.k)
		}
	case valAbs:
		e.op(opLd|modeAbs|sizeCode(v.size), v.k)
	case valInd:
		e.intoX(v.a)
		e.op(opLd|modeInd|sizeCode(v.size), v.k)
	case valMsh:
		e.intoX(v)
		e.op(opMisc|miscTA, 0)
	case valBinary:
		e.binary(v)
	}
	e.a = v
}

func (e *emitter) binary(v *value) {
	if v.b.kind == valConst {
		e.intoA(v.a)
		e.op(opAlu|uint16(v.op), v.b.k)
		return
	}
	a, b := v.a, v.b
	if v.op.commutes() && direct(a) && !direct(b) {
		a, b = b, a
	}
	e.both(a, b)
	e.op(opAlu|srcX|uint16(v.op), 0)
}

// intoX makes X hold v; unless v can be loaded directly, A too.
func (e *emitter) intoX(v *value) {
	if e.x == v {
		return
	}
	switch v.kind {
	case valConst:
		e.op(opLdx|modeImm, v.k)
	case valLen:
		e.op(opLdx|modeLen, 0)
	case valMem:
		e.op(opLdx|modeMem, v.k)
	case valMsh:
		e.op(opLdx|modeMsh|sizeB, v.k)
	default:
		e.intoA(v)
		e.op(opMisc|miscTX, 0)
	}
	e.x = v
}

// clear sets registers to 0.
func (e *emitter) clear(regs uint16) {
	if regs == 0 {
		return
	}
	e.op(opLd|modeImm, 0)
	for r := range uint32(registers) {
		if regs&(1<<r) != 0 {
			e.op(opSt, r)
		}
	}
}

// unset gives the registers that may be read before anything is stored there.
func unset(blocks []*block) uint16 {
	var missing uint16
	stored := make(map[*block]uint16, len(blocks))
	reached := make(map[*block]bool, len(blocks))
	flow := func(b *block, regs uint16) {
		if reached[b] {
			regs &= stored[b]
		}
		reached[b], stored[b] = true, regs
	}
	for _, b := range blocks {
		if b.end != noEnd {
			continue
		}
		regs := stored[b]
		for _, s := range b.stores {
			missing |= s.v.deps &^ regs
			regs |= 1 << s.r
		}
		if b.tests {
			missing |= b.test.v.deps &^ regs
			if b.test.x != nil {
				missing |= b.test.x.deps &^ regs
			}
		}
		flow(b.yes, regs)
		flow(b.no, regs)
	}
	return missing
}
