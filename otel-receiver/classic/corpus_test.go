package classic

import (
	"bufio"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"golang.org/x/net/bpf"

	"github.com/skein-net/skein/internal/filter"
	"github.com/skein-net/skein/otel-receiver/packet/packettest"
)

// expressions are the filters of the corpus of package filter in sections.
func expressions(t testing.TB, sections ...string) []string {
	t.Helper()
	f, err := os.Open("../../internal/filter/testdata/filters.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // read only
	var list []string
	in := false
	s := bufio.NewScanner(f)
	for s.Scan() {
		line := strings.TrimSpace(s.Text())
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '[':
			in = false
			for _, name := range sections {
				in = in || line == "["+name+"]"
			}
		case in:
			list = append(list, line)
		}
	}
	if s.Err() != nil || len(list) == 0 {
		t.Fatalf("read the corpus: %d filters, %v", len(list), s.Err())
	}
	return list
}

// compile makes a program for live capture of a filter.
func compile(t testing.TB, expr string) *filter.Filter {
	t.Helper()
	f, err := filter.Compile(expr, filter.Options{Link: filter.LinkEthernet, KernelVLAN: true})
	if err != nil {
		t.Fatalf("compile %q: %v", expr, err)
	}
	return f
}

// frames are those of packettest that begin with Ethernet, whole, cut, and with
// bytes changed.
func frames() [][]byte {
	random := rand.New(rand.NewPCG(1, 2))
	var list [][]byte
	for _, s := range packettest.Samples() {
		f := s.Data
		if s.Link != 1 || len(f) < 14 || len(f) > 1500 {
			continue
		}
		list = append(list, f)
		if len(f) > 15 {
			list = append(list, f[:14+random.IntN(len(f)-14)])
		}
		changed := append([]byte(nil), f...)
		for range 3 {
			changed[random.IntN(min(len(f), 60))] = byte(random.IntN(256))
		}
		list = append(list, changed)
	}
	return list
}

// program makes random programs that the interpreter of golang.org/x/net/bpf
// runs: no ancillary data, no negation, offsets behind X that stay below 32 bits.
func program(r *rand.Rand, n int) []bpf.RawInstruction {
	var list []bpf.RawInstruction
	// No jump may lead to these: X would not be what it has to.
	inside := make(map[int]bool)
	add := func(op uint16, k uint32) { list = append(list, bpf.RawInstruction{Op: op, K: k}) }
	small := func() uint32 { return r.Uint32N(70) }
	sizes := []uint16{0, sizeH, sizeB}
	alu := []uint16{aluAdd, aluSub, aluMul, aluDiv, aluOr, aluAnd, aluLsh, aluRsh, aluMod, aluXor}
	for len(list) < n {
		size := sizes[r.IntN(3)]
		switch r.IntN(14) {
		case 0, 1, 2:
			add(opLd|modeAbs|size, small())
		case 3:
			add(opAlu|aluAnd, 0x3f)
			add(opMisc|miscTX, 0)
			add(opLd|modeInd|size, small())
			inside[len(list)-1], inside[len(list)-2] = true, true
		case 4:
			add(opLdx|modeMsh|sizeB, small())
			add(opLd|modeInd|size, small())
			inside[len(list)-1] = true
		case 5:
			add([]uint16{opLd | modeImm, opLdx | modeImm}[r.IntN(2)], r.Uint32()>>r.IntN(32))
		case 6:
			add([]uint16{opLd | modeMem, opLdx | modeMem, opSt, opStx}[r.IntN(4)], r.Uint32N(cells))
		case 7:
			add([]uint16{opLd | modeLen, opMisc | miscTX, opMisc | miscTA}[r.IntN(3)], 0)
		case 8, 9:
			k := r.Uint32() >> r.IntN(32)
			op := alu[r.IntN(len(alu))]
			if op == aluLsh || op == aluRsh {
				k %= 32
			}
			add(opAlu|op, max(k, 1))
		case 10:
			add(opAlu|srcX|alu[r.IntN(len(alu))], 0)
		case 11:
			list = append(list, bpf.RawInstruction{Op: opJmp, K: r.Uint32N(4)})
		case 12:
			op := []uint16{jmpJEQ, jmpJGT, jmpJGE, jmpJSET}[r.IntN(4)] | []uint16{0, srcX}[r.IntN(2)]
			list = append(list, bpf.RawInstruction{Op: opJmp | op, Jt: uint8(r.IntN(6)), Jf: uint8(r.IntN(6)), K: r.Uint32() >> r.IntN(32)})
		case 13:
			if r.IntN(4) == 0 {
				add([]uint16{opRet, opRet | retA}[r.IntN(2)], r.Uint32())
			}
		}
	}
	target := func(i int, jump uint32) uint32 {
		to := min(i+1+int(jump), len(list))
		for inside[to] {
			to++
		}
		return uint32(to - i - 1)
	}
	for i := range list {
		switch in := &list[i]; {
		case in.Op == opJmp:
			in.K = target(i, in.K)
		case in.Op&7 == opJmp:
			in.Jt, in.Jf = uint8(target(i, uint32(in.Jt))), uint8(target(i, uint32(in.Jf)))
		}
	}
	add(opLd|modeImm, 7)
	add(opRet|retA, 0)
	return list
}

// reference runs a program in the interpreter of golang.org/x/net/bpf.
func reference(t testing.TB, prog []bpf.RawInstruction) func([]byte) uint32 {
	t.Helper()
	ins, ok := bpf.Disassemble(prog)
	if !ok {
		t.Fatalf("disassemble %v", prog)
	}
	vm, err := bpf.NewVM(ins)
	if err != nil {
		t.Fatalf("reference: %v: %v", err, ins)
	}
	return func(data []byte) uint32 {
		n, err := vm.Run(data)
		if err != nil {
			t.Fatal(err)
		}
		return uint32(n)
	}
}
