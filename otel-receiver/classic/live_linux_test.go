package classic

import (
	"bytes"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/skein-net/skein/internal/netns"
	"github.com/skein-net/skein/internal/netns/netnstest"
	"github.com/skein-net/skein/internal/proctest"
)

// seen makes a program of tcx that calls the filter for each packet, keeps what
// it returned last for frames with the EtherType of the test, and lets all pass.
func seen(t *testing.T, filter asm.Instructions, m *ebpf.Map) *ebpf.Program {
	t.Helper()
	body := asm.Instructions{
		asm.Mov.Reg(asm.R6, asm.R1),
		asm.LoadMem(asm.R2, asm.R1, skbProtocol, asm.Word),
		asm.HostTo(asm.BE, asm.R2, asm.Half),
		asm.JNE.Imm(asm.R2, testType, "out"),
		asm.Mov.Imm(asm.R2, 1),
		asm.Call.Label("filter"),
		asm.StoreMem(asm.R10, -8, asm.R0, asm.Word),
		asm.Mov.Imm(asm.R0, 0),
		asm.StoreMem(asm.R10, -4, asm.R0, asm.Word),
		asm.LoadMapPtr(asm.R1, m.FD()),
		asm.Mov.Reg(asm.R2, asm.R10),
		asm.Add.Imm(asm.R2, -4),
		asm.Mov.Reg(asm.R3, asm.R10),
		asm.Add.Imm(asm.R3, -8),
		asm.Mov.Imm(asm.R4, 0),
		asm.FnMapUpdateElem.Call(),
		asm.Mov.Imm(asm.R0, -1).WithSymbol("out"), // TCX_NEXT
		asm.Return(),
	}
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.SchedCLS, Instructions: append(body, filter...), License: "GPL"})
	if err != nil {
		t.Skipf("programs with functions cannot be loaded here: %v", err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// testType is an EtherType for experiments (IEEE 802).
const testType = 0x88b5

// On a veth pair: the tag that the kernel took out of the frame, the kind of the
// packet on either way, the index.
func TestLive(t *testing.T) {
	a, b := netnstest.Add(t), netnstest.Add(t)
	netnstest.Veth(t, a, "va", b, "vb")
	netnstest.Run(t, "ip", "-n", a, "link", "set", "va", "up")
	netnstest.Run(t, "ip", "-n", b, "link", "set", "vb", "up")
	inside := func(name string, fn func() error) {
		t.Helper()
		ns, err := netns.Open(netnstest.Path(name))
		if err != nil {
			t.Fatal(err)
		}
		defer ns.Close() //nolint:errcheck // a test
		if err := ns.Do(fn); err != nil {
			t.Fatal(err)
		}
	}
	// What is stored is never 0.
	ret := func(k uint32) []bpf.RawInstruction {
		return []bpf.RawInstruction{{Op: opLd | modeAbs, K: k}, {Op: opAlu | aluAdd, K: 1000}, {Op: opRet | retA}}
	}
	var index uint32
	inside(b, func() error {
		ifi, err := net.InterfaceByName("vb")
		if err == nil {
			index = uint32(ifi.Index)
		}
		return err
	})
	for _, c := range []struct {
		name   string
		at     ebpf.AttachType
		prog   []bpf.RawInstruction
		dir    Direction
		tagged bool
		want   uint32
	}{
		{name: "no tag", at: ebpf.AttachTCXIngress, prog: ret(adVLANTagged)},
		{name: "tagged", at: ebpf.AttachTCXIngress, prog: ret(adVLANTagged), tagged: true, want: 1},
		{name: "tag", at: ebpf.AttachTCXIngress, prog: ret(adVLANTag), tagged: true, want: 0x6005},
		{name: "type behind the tag", at: ebpf.AttachTCXIngress, prog: ret(12), tagged: true, want: testType<<16 | 0x6869},
		{name: "broadcast", at: ebpf.AttachTCXIngress, prog: ret(adPktType), want: 1},
		{name: "leaves", at: ebpf.AttachTCXEgress, prog: ret(adPktType), dir: Egress, want: packetOutgoing},
		{name: "leaves, as an argument", at: ebpf.AttachTCXIngress, prog: ret(adPktType), dir: Argument, want: packetOutgoing},
		{name: "type of what leaves", at: ebpf.AttachTCXEgress, prog: ret(12), dir: Egress, want: testType<<16 | 0x6869},
		{name: "length", at: ebpf.AttachTCXIngress, prog: []bpf.RawInstruction{{Op: opLd | modeLen}, {Op: opAlu | aluAdd, K: 1000}, {Op: opRet | retA}}, want: 60},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1})
			if err != nil {
				t.Skipf("maps cannot be made here: %v", err)
			}
			defer m.Close() //nolint:errcheck // a test
			p := seen(t, translate(t, c.prog, Options{Symbol: "filter", Direction: c.dir}), m)
			var l link.Link
			inside(b, func() error {
				l, err = link.AttachTCX(link.TCXOptions{Interface: int(index), Program: p, Attach: c.at})
				return nil
			})
			if err != nil {
				t.Skipf("no tcx here: %v", err)
			}
			defer l.Close() //nolint:errcheck // a test
			from, name := a, "va"
			if c.at == ebpf.AttachTCXEgress {
				from, name = b, "vb"
			}
			head := append(bytes.Repeat([]byte{0xff}, 6), 2, 0, 0, 0, 0, 1)
			if c.tagged {
				head = append(head, 0x81, 0, 0x60, 5)
			}
			frame := append(append(head, testType>>8, testType&0xff), "hihi"...)
			frame = append(frame, make([]byte, 60-len(frame))...)
			inside(from, func() error { return send(name, frame) })
			var got uint32
			proctest.Eventually(t, time.Minute, "the filter has run", func() error {
				if err := m.Lookup(uint32(0), &got); err != nil || got == 0 {
					return fmt.Errorf("%d, %w", got, err)
				}
				return nil
			})
			if got -= 1000; got != c.want {
				t.Errorf("%#x, not %#x", got, c.want)
			}
		})
	}
}

// send puts a frame on an interface of the namespace that the thread is in.
func send(name string, frame []byte) error {
	ifi, err := net.InterfaceByName(name)
	if err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd) //nolint:errcheck // a test
	return unix.Sendto(fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: ifi.Index, Halen: 6})
}
