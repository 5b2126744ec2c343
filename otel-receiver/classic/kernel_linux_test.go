package classic

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/net/bpf"
)

// load gives a function to the kernel as a program of its own.
func load(t testing.TB, f asm.Instructions) *ebpf.Program {
	t.Helper()
	if testing.Short() || os.Geteuid() != 0 {
		t.Skip("needs root to load eBPF programs")
	}
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.SchedCLS, Instructions: f, License: "GPL"})
	if err != nil {
		var v *ebpf.VerifierError
		if errors.As(err, &v) {
			t.Fatalf("the kernel refuses %d instructions: %+v", len(f), v)
		}
		t.Skipf("eBPF programs cannot be loaded here: %v", err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func translate(t testing.TB, prog []bpf.RawInstruction, o Options) asm.Instructions {
	t.Helper()
	f, err := Translate(prog, o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func result(t testing.TB, p *ebpf.Program, frame []byte) uint32 {
	t.Helper()
	n, err := p.Run(&ebpf.RunOptions{Data: frame})
	if err != nil {
		t.Fatalf("run on %x: %v", frame, err)
	}
	return n
}

// runnable are the frames that BPF_PROG_TEST_RUN takes: since Linux 6.18 none
// that are cut in the IP header.
func runnable(t testing.TB) [][]byte {
	t.Helper()
	p := load(t, asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()})
	all := frames()
	var list [][]byte
	for _, f := range all {
		if _, err := p.Run(&ebpf.RunOptions{Data: f}); err == nil {
			list = append(list, f)
		} else if len(f) > 14+40 {
			t.Fatalf("run on %x: %v", f, err)
		}
	}
	t.Logf("%d of %d frames", len(list), len(all))
	return list
}

// Filters give the verdicts in the kernel that they give in the interpreter.
func TestKernelCorpus(t *testing.T) {
	list := runnable(t)
	runs, matches := 0, 0
	for n, expr := range expressions(t, "ethernet", "live") {
		f := compile(t, expr)
		p := load(t, translate(t, f.Raw(), Options{Helper: n%2 == 1}))
		for i := n % 3; i < len(list); i += 3 {
			got, want := result(t, p, list[i]) != 0, f.Matches(list[i], len(list[i]))
			// In the kernel the interface has an index, and sums of offsets have 32
			// bits, for socket filters too.
			if got != want && !strings.Contains(expr, "ifindex") && !strings.Contains(expr, "[len - ") {
				t.Errorf("%q: the kernel says %v, the interpreter %v, of %x", expr, got, want, list[i])
			}
			runs++
			if got {
				matches++
			}
		}
		_ = p.Close()
	}
	t.Logf("%d runs, %d matches", runs, matches)
}

// Random programs return in the kernel what they return in the interpreter.
func TestKernelRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	list := runnable(t)
	zero, runs := 0, 0
	for n := range 1000 {
		prog := program(r, 1+r.IntN(50))
		want := reference(t, prog)
		p := load(t, translate(t, prog, Options{Helper: n%2 == 1}))
		for range 20 {
			frame := list[r.IntN(len(list))]
			got, want := result(t, p, frame), want(frame)
			if got != want {
				t.Fatalf("the kernel returns %#x, the interpreter %#x, for %x:\n%s", got, want, frame, listing(prog))
			}
			runs++
			if got == 0 {
				zero++
			}
		}
		_ = p.Close()
	}
	t.Logf("%d runs, %d returned 0", runs, zero)
}

func listing(prog []bpf.RawInstruction) string {
	var b strings.Builder
	for i, in := range prog {
		fmt.Fprintf(&b, "(%03d) %v\n", i, in.Disassemble())
	}
	return b.String()
}

// What the interpreter lacks: loads from headers, ancillary data, sums of X and
// an offset that go over.
func TestKernelSpecial(t *testing.T) {
	frame := make([]byte, 64)
	for i := range frame {
		frame[i] = byte(i)
	}
	frame[0] = 0x02
	frame[12], frame[13] = 8, 0
	abs := func(size uint16, k uint32) []bpf.RawInstruction {
		return []bpf.RawInstruction{{Op: opLd | modeAbs | size, K: k}, {Op: opRet | retA}}
	}
	for _, c := range []struct {
		name string
		prog []bpf.RawInstruction
		o    Options
		want uint32
	}{
		{name: "network header", prog: abs(0, netOff+2), want: 0x10111213},
		{name: "link header", prog: abs(sizeH, llOff+12), want: 0x0800},
		{name: "beyond the network header", prog: abs(sizeH, netOff+1000)},
		{name: "protocol", prog: abs(sizeH, adProtocol), want: 0x0800},
		{name: "index", prog: abs(0, adIfIndex), want: 1},
		{name: "mark", prog: abs(0, adMark)},
		{name: "no tag", prog: abs(sizeB, adVLANTagged)},
		{name: "tag", prog: abs(sizeH, adVLANTag)},
		{name: "tag protocol", prog: abs(sizeH, adVLANProto)},
		{name: "outgoing", prog: abs(sizeH, adPktType), o: Options{Direction: Egress}, want: packetOutgoing},
		{name: "xor", prog: []bpf.RawInstruction{{Op: opLdx, K: 6}, {Op: opLd, K: 5}, {Op: opLd | modeAbs, K: adAluXorX}, {Op: opRet | retA}}, want: 3},
		{name: "negation", prog: []bpf.RawInstruction{{Op: opLd, K: 5}, {Op: opAlu | aluNeg}, {Op: opRet | retA}}, want: 1<<32 - 5},
		{name: "wraps", prog: []bpf.RawInstruction{{Op: opLdx, K: 0xfffffff0}, {Op: opLd | modeInd | sizeB, K: 0x20}, {Op: opRet | retA}}, want: 16},
		{name: "negative", prog: []bpf.RawInstruction{{Op: opLdx, K: 0xfffffff0}, {Op: opLd | modeInd | sizeB}, {Op: opRet, K: 1}}},
		{name: "high offset", prog: abs(0, 1<<31-1)},
		{name: "length", prog: []bpf.RawInstruction{{Op: opLd | modeLen}, {Op: opRet | retA}}, want: 64},
		{name: "length in X", prog: []bpf.RawInstruction{{Op: opLdx | modeLen}, {Op: opLd, K: 1}, {Op: opAlu | aluAdd | srcX}, {Op: opRet | retA}}, want: 65},
		{name: "last byte", prog: abs(sizeB, 63), want: 63},
		{name: "over the end", prog: abs(sizeH, 63)},
		{name: "all at once", prog: []bpf.RawInstruction{{Op: opRet, K: 1<<32 - 1}}, want: 1<<32 - 1},
	} {
		for _, helper := range []bool{false, true} {
			c.o.Helper = helper
			if got := result(t, load(t, translate(t, c.prog, c.o)), frame); got != c.want {
				t.Errorf("%s (helper %v): %#x, not %#x", c.name, helper, got, c.want)
			}
		}
	}
	for _, k := range []uint32{adRandom, adCPU, adRxHash, adQueue} {
		result(t, load(t, translate(t, abs(0, k), Options{})), frame)
	}
}

// Long filters are taken.
func TestKernelLong(t *testing.T) {
	var hosts []string
	for i := range 600 {
		hosts = append(hosts, fmt.Sprintf("10.%d.%d.%d", i%7, i%251, 1+i%250))
	}
	var ports []string
	for i := range 200 {
		ports = append(ports, fmt.Sprint(1000+7*i))
	}
	for _, expr := range []string{"host " + strings.Join(hosts, " or "), "port " + strings.Join(ports, " or ")} {
		f := compile(t, expr)
		body := translate(t, f.Raw(), Options{})
		p := load(t, body)
		t.Logf("%d classic instructions are %d, translated; verified: %s", len(f.Raw()), len(body), verified(p))
		for _, frame := range runnable(t)[:60] {
			if got, want := result(t, p, frame) != 0, f.Matches(frame, len(frame)); got != want {
				t.Errorf("the kernel says %v, the interpreter %v, of %x", got, want, frame)
			}
		}
	}
}

// The longest random programs are taken, or the error is one of size.
func TestKernelLongest(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	prog := program(r, MaxInstructions-6)
	for i := range prog[:len(prog)-1] {
		if prog[i].Op&7 == opRet {
			prog[i] = bpf.RawInstruction{Op: opLd | modeAbs, K: 3}
		}
	}
	if len(prog) > MaxInstructions {
		t.Fatalf("%d instructions", len(prog))
	}
	body := translate(t, prog, Options{})
	p := load(t, body)
	t.Logf("%d instructions are %d, translated; verified: %s", len(prog), len(body), verified(p))
}

func verified(p *ebpf.Program) string {
	info, err := p.Info()
	if err != nil {
		return err.Error()
	}
	n, _ := info.VerifiedInstructions()
	return fmt.Sprint(n)
}

// The cost of a filter on a packet in the kernel.
func BenchmarkKernel(b *testing.B) {
	frame := frames()[0]
	for _, expr := range []string{"", "tcp port 80", "vlan 5 and udp port 53"} {
		for _, helper := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/helper=%v", strings.ReplaceAll(expr, " ", "-"), helper), func(b *testing.B) {
				p := load(b, translate(b, compile(b, expr).Raw(), Options{Helper: helper}))
				_, d, err := p.Benchmark(frame, max(b.N, 1000), nil)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(d.Nanoseconds()), "ns/packet")
			})
		}
	}
}
