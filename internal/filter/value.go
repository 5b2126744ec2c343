package filter

// register is a cell of the scratch memory of BPF. The lowering uses the lower
// cells for offsets that are known when the packet is; the emitter spills to
// the others.
type register int8

const (
	noRegister register = -1
	// lowRegisters are for the lowering, the other cells of 16 for the emitter.
	lowRegisters = 10
	registers    = 16
)

type valueKind uint8

const (
	valConst  valueKind = iota // k
	valAbs                     // size bytes at k
	valInd                     // size bytes at a + k
	valMsh                     // 4 * (byte at k & 15): the length of an IPv4 header
	valLen                     // the length of the packet on the wire
	valMem                     // the register k
	valBinary                  // a op b
)

// value is an expression over the packet. Equal expressions of a program are
// the same *value, so they can be compared by address.
type value struct {
	kind valueKind
	size uint8
	op   aluOp
	k    uint32
	a, b *value
	// deps has a bit for each register that the value depends on.
	deps uint16
	// id numbers the values of a program.
	id uint32
}

// values makes each distinct value once.
type values struct{ known map[value]*value }

func newValues() *values { return &values{known: make(map[value]*value)} }

func (vs *values) intern(v value) *value {
	if v.a != nil {
		v.deps |= v.a.deps
	}
	if v.b != nil {
		v.deps |= v.b.deps
	}
	if p, ok := vs.known[v]; ok {
		return p
	}
	p := new(value)
	*p = v
	p.id = uint32(len(vs.known))
	vs.known[v] = p
	return p
}

func (vs *values) constant(k uint32) *value { return vs.intern(value{kind: valConst, k: k}) }
func (vs *values) length() *value           { return vs.intern(value{kind: valLen}) }

func (vs *values) mem(r register) *value {
	return vs.intern(value{kind: valMem, k: uint32(r), deps: 1 << r})
}

func (vs *values) abs(size uint8, k uint32) *value {
	return vs.intern(value{kind: valAbs, size: size, k: k})
}

func (vs *values) msh(k uint32) *value { return vs.intern(value{kind: valMsh, k: k}) }

// maxOffset is the highest constant offset of a load. What lies above would
// mean something else to the kernel (SKF_LL_OFF and its like).
const maxOffset = 1<<31 - 1

// ind is a load of size bytes at base + k. Constant parts of base move to k.
func (vs *values) ind(size uint8, base *value, k uint32) *value {
	if base.kind == valConst && k+base.k <= maxOffset {
		return vs.abs(size, k+base.k)
	}
	if base.kind == valBinary && base.op == aluAdd && base.b.kind == valConst && k+base.b.k <= maxOffset {
		return vs.ind(size, base.a, k+base.b.k)
	}
	return vs.intern(value{kind: valInd, size: size, a: base, k: k})
}

// binary is a op b with the constants folded. Dividing by the constant 0 and
// shifts by more than 31 are the caller's to refuse.
func (vs *values) binary(op aluOp, a, b *value) *value {
	if a.kind == valConst && b.kind == valConst && !(b.k == 0 && op.divides()) {
		return vs.constant(op.apply(a.k, b.k))
	}
	if a.kind == valConst && op.commutes() {
		a, b = b, a
	}
	if op == aluSub && b.kind == valConst {
		op, b = aluAdd, vs.constant(-b.k)
	}
	if b.kind == valConst {
		if op.neutral(b.k) {
			return a
		}
		if a.kind == valBinary && a.op == op && a.b.kind == valConst && op.commutes() {
			return vs.binary(op, a.a, vs.constant(op.apply(a.b.k, b.k)))
		}
	}
	return vs.intern(value{kind: valBinary, op: op, a: a, b: b})
}

// aluOp is an arithmetic operation: the code of its BPF instruction.
type aluOp uint8

const (
	aluAdd aluOp = 0x00
	aluSub aluOp = 0x10
	aluMul aluOp = 0x20
	aluDiv aluOp = 0x30
	aluOr  aluOp = 0x40
	aluAnd aluOp = 0x50
	aluLsh aluOp = 0x60
	aluRsh aluOp = 0x70
	aluMod aluOp = 0x90
	aluXor aluOp = 0xa0
)

func (op aluOp) divides() bool { return op == aluDiv || op == aluMod }

func (op aluOp) commutes() bool {
	switch op {
	case aluAdd, aluMul, aluOr, aluAnd, aluXor:
		return true
	default:
		return false
	}
}

// neutral reports whether x op k is x.
func (op aluOp) neutral(k uint32) bool {
	switch op {
	case aluAdd, aluSub, aluOr, aluXor, aluLsh, aluRsh:
		return k == 0
	case aluMul, aluDiv:
		return k == 1
	case aluAnd:
		return k == 0xffffffff
	default:
		return false
	}
}

// apply computes a op b. Shifts by more than 31 give 0, as do divisions by 0.
func (op aluOp) apply(a, b uint32) uint32 {
	switch op {
	case aluAdd:
		return a + b
	case aluSub:
		return a - b
	case aluMul:
		return a * b
	case aluOr:
		return a | b
	case aluAnd:
		return a & b
	case aluXor:
		return a ^ b
	case aluLsh:
		return a << b
	case aluRsh:
		return a >> b
	}
	if b == 0 {
		return 0
	}
	if op == aluDiv {
		return a / b
	}
	return a % b
}
