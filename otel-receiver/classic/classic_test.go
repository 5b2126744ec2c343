package classic

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/net/bpf"
)

// sound checks the structure of a function: it can be encoded, jumps go forward
// and stay inside, everything is reached, and the end is not run over.
func sound(t *testing.T, f asm.Instructions) {
	t.Helper()
	var b bytes.Buffer
	if err := f.Marshal(&b, binary.LittleEndian); err != nil {
		t.Fatalf("encode: %v", err)
	}
	if b.Len() != len(f)*asm.InstructionSize {
		t.Fatalf("%d bytes of %d instructions", b.Len(), len(f))
	}
	seen := make([]bool, len(f)+1)
	seen[0] = true
	for i, in := range f {
		if !seen[i] {
			t.Fatalf("instruction %d (%v) cannot be reached", i, in)
		}
		if !in.OpCode.Class().IsJump() || in.OpCode.JumpOp() == asm.Call {
			seen[i+1] = true
			continue
		}
		op := in.OpCode.JumpOp()
		if op == asm.Exit {
			continue
		}
		to := i + 1 + int(in.Offset)
		if op == asm.Ja && in.OpCode.Class() == asm.Jump32Class {
			to = i + 1 + int(in.Constant)
		}
		if to <= i || to >= len(f) {
			t.Fatalf("instruction %d (%v) jumps to %d of %d", i, in, to, len(f))
		}
		seen[to] = true
		if op != asm.Ja {
			seen[i+1] = true
		}
	}
	if seen[len(f)] {
		t.Fatal("the end is run over")
	}
}

func options() []Options {
	return []Options{{}, {Symbol: "f", Helper: true, Direction: Egress}, {Direction: Argument}}
}

func TestStructure(t *testing.T) {
	for _, expr := range expressions(t, "ethernet", "live") {
		for _, o := range options() {
			f, err := Translate(compile(t, expr).Raw(), o)
			if err != nil {
				t.Fatalf("%q: %v", expr, err)
			}
			sound(t, f)
			if f[0].Symbol() != o.Symbol {
				t.Fatalf("the symbol is %q", f[0].Symbol())
			}
		}
	}
	r := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		prog := program(r, 1+r.IntN(60))
		f, err := Translate(prog, options()[r.IntN(3)])
		if err != nil {
			t.Fatalf("%v: %v", prog, err)
		}
		sound(t, f)
	}
}

// The longest program whose jumps go all over it.
func TestFar(t *testing.T) {
	prog := []bpf.RawInstruction{{Op: opJmp | jmpJEQ, Jt: 1}, {Op: opJmp, K: MaxInstructions - 4}}
	for len(prog) < MaxInstructions-2 {
		prog = append(prog, bpf.RawInstruction{Op: opLd | modeAbs, K: uint32(len(prog))})
	}
	prog = append(prog, bpf.RawInstruction{Op: opLd, K: 5}, bpf.RawInstruction{Op: opRet | retA})
	f, err := Translate(prog, Options{})
	if err != nil {
		t.Fatal(err)
	}
	sound(t, f)
	long := 0
	for _, in := range f {
		if in.OpCode.Class() == asm.Jump32Class && in.OpCode.JumpOp() == asm.Ja {
			long++
		}
	}
	if long != 1 {
		t.Errorf("%d long jumps in %d instructions", long, len(f))
	}
}

func TestRefused(t *testing.T) {
	ret := bpf.RawInstruction{Op: opRet, K: 1}
	for name, prog := range map[string][]bpf.RawInstruction{
		"1 to 4096 are allowed":                    nil,
		"instruction 0 (code 0x28, k 0xfffff00c":   {{Op: opLd | modeAbs | sizeH, K: adOff + 12}, ret}, // NLATTR
		"instruction 0 (code 0x20, k 0xffdfffff":   {{Op: opLd | modeAbs, K: llOff - 1}, ret},
		"instruction 0 (code 0x34":                 {{Op: opAlu | aluDiv}, ret},
		"instruction 0 (code 0x64":                 {{Op: opAlu | aluLsh, K: 32}, ret},
		"instruction 0 (code 0x2, k 0x10":          {{Op: opSt, K: 16}, ret},
		"instruction 0 (code 0x61":                 {{Op: opLdx | modeMem, K: 16}, ret},
		"instruction 0 (code 0x5":                  {{Op: opJmp, K: 1}, ret},
		"instruction 0 (code 0x15":                 {{Op: opJmp | jmpJEQ, Jf: 1}, ret},
		"instruction 0 (code 0x55":                 {{Op: opJmp | 0x50}, ret},
		"the last instruction (code 0x0) is no re": {ret, {Op: opLd}},
		"instruction 0 (code 0xffff":               {{Op: 0xffff}, ret},
	} {
		_, err := Translate(prog, Options{})
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v: %v, not %q", prog, err, name)
		}
	}
	if _, err := Translate(make([]bpf.RawInstruction, 5000), Options{}); err == nil {
		t.Error("5000 instructions were taken")
	}
	if _, err := Translate([]bpf.RawInstruction{ret}, Options{Direction: 9}); err == nil {
		t.Error("direction 9 was taken")
	}
}

func TestReplace(t *testing.T) {
	fn := func(name string) *btf.Func { return &btf.Func{Name: name, Type: &btf.FuncProto{Return: &btf.Void{}}} }
	first := func(name string) asm.Instruction {
		return btf.WithFuncMetadata(asm.Mov.Imm(asm.R0, 1).WithSymbol(name), fn(name))
	}
	spec := func() *ebpf.ProgramSpec {
		return &ebpf.ProgramSpec{Name: "p", Instructions: asm.Instructions{
			first("main"), asm.Return(),
			first("filter"), asm.Mov.Imm(asm.R1, 1).WithSymbol("label"), asm.Return(),
			first("other"), asm.Return(),
		}}
	}
	body := asm.Instructions{asm.Mov.Imm(asm.R0, 9), asm.Mov.Imm(asm.R0, 8), asm.Mov.Imm(asm.R0, 7), asm.Return()}
	for name, want := range map[string]int{"main": 0, "filter": 2, "other": 5} {
		p := spec()
		if err := Replace(p, name, body); err != nil {
			t.Fatal(err)
		}
		in := p.Instructions[want]
		if in.Constant != 9 || in.Symbol() != name || btf.FuncMetadata(&in) == nil || btf.FuncMetadata(&in).Name != name {
			t.Errorf("%s: %+v", name, in)
		}
		var names []string
		for _, in := range p.Instructions {
			if btf.FuncMetadata(&in) != nil {
				names = append(names, in.Symbol())
			}
		}
		if strings.Join(names, " ") != "main filter other" {
			t.Errorf("functions are %v", names)
		}
	}
	if p := spec(); Replace(p, "label", nil) == nil || Replace(p, "nothing", body) == nil {
		t.Error("nothing was replaced, and no error")
	}
}

// Whatever the program: what is taken is sound, also when it makes no sense.
func FuzzTranslate(f *testing.F) {
	for _, expr := range expressions(f, "live") {
		var b []byte
		for _, in := range compile(f, expr).Raw() {
			b = binary.LittleEndian.AppendUint16(b, in.Op)
			b = append(b, in.Jt, in.Jf)
			b = binary.LittleEndian.AppendUint32(b, in.K)
		}
		f.Add(b, uint8(0))
	}
	f.Fuzz(func(t *testing.T, raw []byte, option uint8) {
		var prog []bpf.RawInstruction
		for ; len(raw) >= 8; raw = raw[8:] {
			prog = append(prog, bpf.RawInstruction{Op: binary.LittleEndian.Uint16(raw), Jt: raw[2], Jf: raw[3], K: binary.LittleEndian.Uint32(raw[4:])})
		}
		got, err := Translate(prog, options()[int(option)%3])
		if err == nil {
			sound(t, got)
		}
	})
}
