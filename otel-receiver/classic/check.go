package classic

import (
	"fmt"

	"golang.org/x/net/bpf"
)

// check tells what is wrong with a program, as the kernel does (bpf_check_classic
// of net/core/filter.c).
func check(prog []bpf.RawInstruction) error {
	if len(prog) == 0 || len(prog) > MaxInstructions {
		return fmt.Errorf("translate filter: %d instructions: 1 to %d are allowed", len(prog), MaxInstructions)
	}
	for i, in := range prog {
		if !allowed(in, len(prog)-i-1) {
			return fmt.Errorf("translate filter: instruction %d (code %#x, k %#x) is not allowed here", i, in.Op, in.K)
		}
	}
	if last := prog[len(prog)-1]; last.Op&7 != opRet {
		return fmt.Errorf("translate filter: the last instruction (code %#x) is no return", last.Op)
	}
	return nil
}

// allowed reports whether an instruction that left others follow is a known one.
func allowed(in bpf.RawInstruction, left int) bool {
	switch in.Op & 7 {
	case opLd, opLdx:
		return loads(in)
	case opSt, opStx:
		return in.Op&^7 == 0 && in.K < cells
	case opAlu:
		return computes(in)
	case opJmp:
		op := in.Op &^ (opJmp | srcX)
		switch {
		case in.Op == opJmp|jmpJA:
			return uint64(in.K) < uint64(left)
		case op < jmpJEQ || op > jmpJSET || op&0xf != 0:
			return false
		}
		return int(in.Jt) < left && int(in.Jf) < left
	case opRet:
		return in.Op == opRet || in.Op == opRet|retA
	}
	return in.Op == opMisc|miscTX || in.Op == opMisc|miscTA
}

func loads(in bpf.RawInstruction) bool {
	switch in.Op {
	case opLd | modeAbs, opLd | modeAbs | sizeH, opLd | modeAbs | sizeB:
		switch {
		case in.K < llOff:
			return in.K <= 1<<31-1
		case in.K < adOff:
			return true
		}
		switch in.K {
		case adProtocol, adPktType, adIfIndex, adMark, adQueue, adRxHash, adCPU, adAluXorX, adVLANTag, adVLANTagged, adRandom, adVLANProto:
			return true
		}
		return false
	case opLd | modeImm, opLdx | modeImm, opLd | modeLen, opLdx | modeLen,
		opLd | modeInd, opLd | modeInd | sizeH, opLd | modeInd | sizeB, opLdx | modeMsh | sizeB:
		return true
	case opLd | modeMem, opLdx | modeMem:
		return in.K < cells
	}
	return false
}

func computes(in bpf.RawInstruction) bool {
	op := in.Op & 0xf0
	switch {
	case op == aluNeg:
		return in.Op == opAlu|aluNeg
	case in.Op&srcX != 0:
		return op <= aluXor
	case op == aluDiv || op == aluMod:
		return in.K != 0
	case op == aluLsh || op == aluRsh:
		return in.K < 32
	}
	return op <= aluXor
}

// reached marks the instructions that some packet may come to, but for returns
// that only jumps without a condition lead to: those are put where the jump is.
// The verifier refuses others.
func reached(prog []bpf.RawInstruction) []bool {
	seen := make([]bool, len(prog))
	seen[0] = true
	for i, in := range prog {
		if !seen[i] {
			continue
		}
		switch {
		case in.Op == opJmp|jmpJA:
			if to := i + 1 + int(in.K); prog[to].Op&7 != opRet {
				seen[to] = true
			}
		case in.Op&7 == opJmp:
			seen[i+1+int(in.Jt)] = true
			seen[i+1+int(in.Jf)] = true
		case in.Op&7 != opRet:
			seen[i+1] = true
		}
	}
	return seen
}
