package classic

import (
	"fmt"
	"math"

	"github.com/cilium/ebpf/asm"
	"golang.org/x/net/bpf"
)

// translation is a program on its way.
type translation struct {
	opt Options
	out asm.Instructions
	// start is where the code of each classic instruction begins, -1 where there
	// is none; jumps are to be patched when all are known.
	start []int
	jumps []jump
	prog  []bpf.RawInstruction
}

// jump is an eBPF instruction of which the target is a classic one.
type jump struct{ at, to int }

// Translate makes an eBPF function of a classic program. It refuses what the
// kernel refuses as a socket filter, and ancillary data that programs of tc
// cannot see. Jumps in the result are relative and refer to no symbol, so the
// function may be put anywhere among the instructions of a program.
//
// Programs of which a jump goes further than 32767 eBPF instructions, which takes
// thousands of loads, need Linux 6.6.
func Translate(prog []bpf.RawInstruction, opt Options) (asm.Instructions, error) {
	if err := check(prog); err != nil {
		return nil, err
	}
	if opt.Direction > Argument {
		return nil, fmt.Errorf("translate filter: there is no direction %d", opt.Direction)
	}
	t := &translation{opt: opt, prog: prog, start: make([]int, len(prog))}
	live := reached(prog)
	t.prologue(live)
	for i, in := range prog {
		t.start[i] = -1
		if live[i] {
			t.start[i] = len(t.out)
			t.instruction(i, in)
		}
	}
	t.patch()
	if opt.Symbol != "" {
		t.out[0] = t.out[0].WithSymbol(opt.Symbol)
	}
	return t.out, nil
}

func (t *translation) add(ins ...asm.Instruction) { t.out = append(t.out, ins...) }

// prologue keeps the arguments and clears what classic programs find cleared.
func (t *translation) prologue(live []bool) {
	t.add(asm.Mov.Reg(regCtx, asm.R1))
	if t.opt.Direction == Argument {
		t.add(asm.Mov.Reg(regOut, asm.R2))
	}
	t.add(asm.Mov.Imm32(regA, 0), asm.Mov.Imm32(regX, 0))
	var used [cells]bool
	for i, in := range t.prog {
		if live[i] && (in.Op == opLd|modeMem || in.Op == opLdx|modeMem) && !used[in.K] {
			used[in.K] = true
			t.add(asm.StoreMem(asm.R10, cell(in.K), regA, asm.Word))
		}
	}
}

func cell(k uint32) int16 { return int16(memory + 4*int(k)) }

// hop appends a jump whose target is the classic instruction to.
func (t *translation) hop(in asm.Instruction, to int) {
	t.jumps = append(t.jumps, jump{len(t.out), to})
	t.add(in)
}

// patch writes the distances of jumps.
func (t *translation) patch() {
	for _, j := range t.jumps {
		in := &t.out[j.at]
		distance := t.start[j.to] - j.at - 1
		if distance <= math.MaxInt16 {
			in.Offset = int16(distance)
			continue
		}
		// Only jumps without a condition can be that far: those with one go 255
		// instructions at most.
		in.OpCode = asm.OpCode(asm.Jump32Class).SetJumpOp(asm.Ja)
		in.Constant = int64(distance)
	}
}

func (t *translation) instruction(i int, in bpf.RawInstruction) {
	switch in.Op & 7 {
	case opLd:
		t.load(in)
	case opLdx:
		switch in.Op {
		case opLdx | modeImm:
			t.add(asm.Mov.Imm32(regX, int32(in.K)))
		case opLdx | modeLen:
			t.add(asm.LoadMem(regX, regCtx, skbLen, asm.Word))
		case opLdx | modeMem:
			t.add(asm.LoadMem(regX, asm.R10, cell(in.K), asm.Word))
		default:
			t.packet(regX, asm.Byte, in.K)
			t.add(asm.And.Imm32(regX, 0xf), asm.LSh.Imm32(regX, 2))
		}
	case opSt:
		t.add(asm.StoreMem(asm.R10, cell(in.K), regA, asm.Word))
	case opStx:
		t.add(asm.StoreMem(asm.R10, cell(in.K), regX, asm.Word))
	case opAlu:
		t.compute(in)
	case opJmp:
		t.jump(i, in)
	case opRet:
		t.ret(in)
	case opMisc:
		if in.Op == opMisc|miscTX {
			t.add(asm.Mov.Reg32(regX, regA))
		} else {
			t.add(asm.Mov.Reg32(regA, regX))
		}
	}
}

func (t *translation) ret(in bpf.RawInstruction) {
	if in.Op == opRet|retA {
		t.add(asm.Mov.Reg32(asm.R0, regA), asm.Return())
		return
	}
	t.add(asm.Mov.Imm32(asm.R0, int32(in.K)), asm.Return())
}

// zero ends the program with 0.
func (t *translation) zero() {
	t.add(asm.Mov.Imm32(asm.R0, 0), asm.Return())
}

// skip is a conditional jump over the n instructions that follow.
func skip(in asm.Instruction, n int16) asm.Instruction {
	in.Offset = n
	return in
}

func (t *translation) compute(in bpf.RawInstruction) {
	op := in.Op & 0xf0
	if op == aluNeg {
		t.add(asm.Neg.Imm32(regA, 0))
		return
	}
	alu := map[uint16]asm.ALUOp{
		aluAdd: asm.Add, aluSub: asm.Sub, aluMul: asm.Mul, aluDiv: asm.Div, aluOr: asm.Or, aluAnd: asm.And,
		aluLsh: asm.LSh, aluRsh: asm.RSh, aluMod: asm.Mod, aluXor: asm.Xor,
	}[op]
	if in.Op&srcX == 0 {
		t.add(alu.Imm32(regA, int32(in.K)))
		return
	}
	switch op {
	case aluDiv, aluMod:
		t.add(skip(asm.JNE.Imm(regX, 0, ""), 2))
		t.zero()
		t.add(alu.Reg32(regA, regX))
	case aluLsh, aluRsh:
		t.add(
			skip(asm.JGT.Imm(regX, 31, ""), 2),
			alu.Reg32(regA, regX),
			skip(asm.Ja.Label(""), 1),
			asm.Mov.Imm32(regA, 0),
		)
	default:
		t.add(alu.Reg32(regA, regX))
	}
}

func (t *translation) jump(i int, in bpf.RawInstruction) {
	if in.Op == opJmp|jmpJA {
		to := i + 1 + int(in.K)
		if t.prog[to].Op&7 == opRet {
			t.ret(t.prog[to])
			return
		}
		t.hop(asm.Ja.Label(""), to)
		return
	}
	yes, no := i+1+int(in.Jt), i+1+int(in.Jf)
	if yes == no {
		t.hop(asm.Ja.Label(""), yes)
		return
	}
	op := map[uint16]asm.JumpOp{jmpJEQ: asm.JEq, jmpJGT: asm.JGT, jmpJGE: asm.JGE, jmpJSET: asm.JSet}[in.Op&0xf0]
	negated := map[asm.JumpOp]asm.JumpOp{asm.JEq: asm.JNE, asm.JGT: asm.JLE, asm.JGE: asm.JLT}
	if inverse, ok := negated[op]; ok && in.Jt == 0 {
		t.hop(compare(inverse, in), no)
		return
	}
	t.hop(compare(op, in), yes)
	if in.Jf != 0 {
		t.hop(asm.Ja.Label(""), no)
	}
}

// compare is a jump that compares the lower halves of registers: those are what
// the registers of classic BPF are.
func compare(op asm.JumpOp, in bpf.RawInstruction) asm.Instruction {
	if in.Op&srcX != 0 {
		return op.Reg32(regA, regX, "")
	}
	return op.Imm32(regA, int32(in.K), "")
}
