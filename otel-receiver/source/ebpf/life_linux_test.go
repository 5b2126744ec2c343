package ebpf

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/net/bpf"

	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/otel-receiver/packet"
	"github.com/skein-net/skein/otel-receiver/source"
)

// both runs a test with programs attached either way.
func both(t *testing.T, test func(t *testing.T, classic bool)) {
	for _, classic := range []bool{false, true} {
		t.Run(map[bool]string{false: "tcx", true: "clsact"}[classic], func(t *testing.T) {
			if !classic && os.Getenv(inGuest) != "" {
				t.Skip("the guest has no tcx")
			}
			test(t, classic)
		})
	}
}

// turns is how often something is done again: once in the guest, where all is slow
// and only the kernel is another.
func turns(n int) int {
	if os.Getenv(inGuest) != "" {
		return 1
	}
	return n
}

// objects are the IDs of what a capture has in the kernel.
type objects struct {
	programs []ebpf.ProgramID
	maps     []ebpf.MapID
	links    []link.ID
}

func (c *capture) objects(t *testing.T) (o objects) {
	t.Helper()
	c.src.mu.Lock()
	defer c.src.mu.Unlock()
	x := c.src.live
	for _, p := range []*ebpf.Program{x.programs.in, x.programs.out, x.programs.test} {
		info, err := p.Info()
		if err != nil {
			t.Fatal(err)
		}
		id, _ := info.ID()
		o.programs = append(o.programs, id)
	}
	for _, m := range []*ebpf.Map{x.programs.flows[0], x.programs.flows[1], x.programs.ring, x.programs.control, x.programs.stats, x.programs.barrier.outer, x.programs.barrier.inner} {
		info, err := m.Info()
		if err != nil {
			t.Fatal(err)
		}
		id, _ := info.ID()
		o.maps = append(o.maps, id)
	}
	if a, ok := x.attach.(*tcx); ok {
		for _, l := range a.links {
			info, err := l.Info()
			if err != nil {
				t.Fatal(err)
			}
			o.links = append(o.links, info.ID)
		}
	}
	return o
}

// left tells what of it there still is.
func (o objects) left() (out []string) {
	for _, id := range o.programs {
		if p, err := ebpf.NewProgramFromID(id); err == nil {
			p.Close()
			out = append(out, fmt.Sprintf("program %d", id))
		}
	}
	for _, id := range o.maps {
		if m, err := ebpf.NewMapFromID(id); err == nil {
			info, _ := m.Info()
			m.Close()
			out = append(out, fmt.Sprintf("map %d %s", id, info.Name))
		}
	}
	for _, id := range o.links {
		if l, err := link.NewFromID(id); err == nil {
			l.Close()
			out = append(out, fmt.Sprintf("link %d", id))
		}
	}
	return out
}

func descriptors(t *testing.T) int {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(fds)
}

// TestNothingLeft opens and closes captures while packets come.
func TestNothingLeft(t *testing.T) {
	both(t, func(t *testing.T, classic bool) {
		w := newWorld(t)
		s := w.sender(w.a, "va")
		frame := ether(0x0800, ipv4(17, 1, 2, udp(1, 53, nil)))
		if err := start(t, Config{Interface: "vb", NetNS: path(w.b), classic: classic}, newTally()).Stop(); err != nil {
			t.Fatal(err) // it opens what the runtime keeps
		}
		before := descriptors(t)
		for range turns(3) {
			c := start(t, Config{Interface: "vb", NetNS: path(w.b), classic: classic}, newTally())
			all := c.objects(t)
			s.send(frame, frame)
			c.saw(t, 2)
			if err := c.Stop(); err != nil {
				t.Fatal(err)
			}
			if n := c.src.Stats().Received; n != 2 {
				t.Errorf("%d packets, want 2", n)
			}
			proctest.Eventually(t, patience, "nothing is left of the capture", func() error {
				if left := all.left(); len(left) > 0 {
					return fmt.Errorf("left: %s", strings.Join(left, ", "))
				}
				return nil
			})
		}
		proctest.Eventually(t, patience, "no descriptor is left", func() error {
			if n := descriptors(t); n != before {
				return fmt.Errorf("%d descriptors, %d before", n, before)
			}
			return nil
		})
		if got := w.run("tc", "-n", w.b, "qdisc", "show", "dev", "vb"); strings.Contains(got, "clsact") {
			t.Errorf("left: %s", got)
		}
	})
}

// TestOthersStay checks that what others attached goes on, and stays.
func TestOthersStay(t *testing.T) {
	w := newWorld(t)
	w.run("tc", "-n", w.b, "qdisc", "add", "dev", "vb", "clsact")
	w.run("tc", "-n", w.b, "filter", "add", "dev", "vb", "ingress", "prio", "5", "protocol", "all", "u32", "match", "u32", "0", "0", "flowid", "1:1")
	for range turns(2) {
		c := start(t, Config{Interface: "vb", NetNS: path(w.b), classic: true}, newTally())
		d := start(t, Config{Interface: "vb", NetNS: path(w.b), classic: true}, newTally())
		w.sender(w.a, "va").send(ether(0x0800, ipv4(17, 1, 2, udp(1, 53, nil))))
		for _, c := range []*capture{c, d} {
			c.saw(t, 1)
			if err := c.Stop(); err != nil {
				t.Error(err)
			}
			if n := c.src.Stats().Received; n != 1 {
				t.Errorf("%d packets, want 1", n)
			}
		}
	}
	got := w.run("tc", "-n", w.b, "-s", "filter", "show", "dev", "vb", "ingress")
	if !strings.Contains(got, "u32") || strings.Contains(got, "skein") {
		t.Errorf("filters are now: %s", got)
	}
	if got := w.run("tc", "-n", w.b, "qdisc", "show", "dev", "vb"); !strings.Contains(got, "clsact") {
		t.Errorf("clsact of somebody else is gone: %s", got)
	}
}

// TestAbandoned leaves classifiers behind as a process does that is killed.
func TestAbandoned(t *testing.T) {
	w := newWorld(t)
	c := start(t, Config{Interface: "vb", NetNS: path(w.b), classic: true}, newTally())
	c.src.mu.Lock()
	x := c.src.live
	x.control.Heartbeat = uint64(boot() - 2*time.Second)
	x.beat = boot() + time.Hour // no other comes
	err := x.putControl()
	x.attach.(*classifiers).made = false
	left := x.attach.(*classifiers).filters
	x.attach.(*classifiers).filters = nil
	c.src.mu.Unlock()
	if err != nil || len(left) != 2 {
		t.Fatal(err, left)
	}
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	show := func() int {
		return strings.Count(w.run("tc", "-n", w.b, "filter", "show", "dev", "vb", "ingress"), "skein_flows:") +
			strings.Count(w.run("tc", "-n", w.b, "filter", "show", "dev", "vb", "ingress"), "skein_flows ")
	}
	if show() == 0 {
		t.Fatalf("no classifier was left: %s", w.run("tc", "-n", w.b, "filter", "show", "dev", "vb", "ingress"))
	}
	next := start(t, Config{Interface: "vb", NetNS: path(w.b), classic: true, stale: time.Second}, newTally())
	if n := strings.Count(w.run("tc", "-n", w.b, "filter", "show", "dev", "vb", "ingress"), "direct-action"); n != 1 {
		t.Errorf("%d classifiers, want that of the capture", n)
	}
	if err := next.Stop(); err != nil {
		t.Error(err)
	}
	if got := w.run("tc", "-n", w.b, "qdisc", "show", "dev", "vb"); strings.Contains(got, "clsact") {
		t.Errorf("left: %s", got)
	}
}

func TestInterfaceDeleted(t *testing.T) {
	both(t, func(t *testing.T, classic bool) {
		w := newWorld(t)
		tl := newTally()
		c := start(t, Config{Interface: "vb", NetNS: path(w.b), classic: classic}, tl)
		w.sender(w.a, "va").send(ether(0x0800, ipv4(17, 1, 2, udp(1, 53, nil))))
		c.saw(t, 1)
		w.run("ip", "-n", w.b, "link", "del", "vb")
		err := c.Wait()
		if !errors.Is(err, ErrGone) || !strings.HasPrefix(err.Error(), "capture on vb: the interface is gone") {
			t.Errorf("the capture ended with %v", err)
		}
		if n, _ := tl.counts(); n != 1 {
			t.Errorf("%d packets, want the one that came before", n)
		}
	})
}

func TestInterfaceMovedAway(t *testing.T) {
	both(t, func(t *testing.T, classic bool) {
		w := newWorld(t)
		c := start(t, Config{Interface: "vb", NetNS: path(w.b), classic: classic}, newTally())
		w.run("ip", "-n", w.b, "link", "set", "vb", "netns", w.a)
		if err := c.Wait(); !errors.Is(err, ErrGone) {
			t.Errorf("the capture ended with %v", err)
		}
	})
}

// TestIndexUsedAgain makes another interface of the same name and index at once.
func TestIndexUsedAgain(t *testing.T) {
	both(t, func(t *testing.T, classic bool) {
		w := newWorld(t)
		c := start(t, Config{Interface: "vb", NetNS: path(w.b), classic: classic}, newTally())
		index := strings.TrimSpace(w.in(w.b, "cat", "/sys/class/net/vb/ifindex"))
		script := filepath.Join(t.TempDir(), "batch")
		text := "link del vb\nlink add vb index " + index + " type veth peer name vc\nlink set vb up\nlink set vc up\n"
		if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		w.run("ip", "-n", w.b, "-batch", script)
		if err := c.Wait(); !errors.Is(err, ErrGone) {
			t.Errorf("the capture ended with %v", err)
		}
	})
}

func TestInterfaceComesBack(t *testing.T) {
	both(t, func(t *testing.T, classic bool) {
		w := newWorld(t)
		tl := newTally()
		c := start(t, Config{Interface: "vb", NetNS: path(w.b), Retry: true, classic: classic}, tl)
		w.run("ip", "-n", w.b, "link", "del", "vb")
		c.Until("it is seen that the interface is gone", func(source.Stats) bool { return c.src.Detail().Attached == "" })
		w.veth()
		c.Until("the capture found the interface again", func(st source.Stats) bool { return st.Opened == 2 })
		w.sender(w.a, "va").send(ether(0x0800, ipv4(17, 1, 2, udp(1, 53, nil))))
		c.saw(t, 1)
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
		if n, _ := tl.counts(); n != 1 {
			t.Errorf("%d packets, want 1", n)
		}
	})
}

func TestNamespaceDeleted(t *testing.T) {
	both(t, func(t *testing.T, classic bool) {
		w := newWorld(t)
		c := start(t, Config{Interface: "vb", NetNS: path(w.b), classic: classic}, newTally())
		w.run("ip", "netns", "del", w.b)
		if err := c.Wait(); !errors.Is(err, ErrGone) {
			t.Errorf("the capture ended with %v", err)
		}
	})
}

func TestNotThere(t *testing.T) {
	w := newWorld(t)
	for name, cfg := range map[string]Config{
		"no such interface":    {Interface: "nosuch", NetNS: path(w.b)},
		"no such namespace":    {Interface: "vb", NetNS: path(w.b) + "x"},
		"another index":        {Interface: "vb", NetNS: path(w.b), IfIndex: 12345},
		"not a namespace file": {Interface: "vb", NetNS: "/etc/passwd"},
	} {
		src, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if err := src.SelfTest(); err == nil {
			t.Errorf("%s: tested", name)
		}
		err = src.Run(t.Context(), []source.Worker{newTally()})
		if !errors.Is(err, ErrNoInterface) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestFilter counts what a filter takes.
func TestFilter(t *testing.T) {
	w := newWorld(t)
	filter := func(link packet.LinkType) ([]bpf.RawInstruction, error) {
		return bpf.Assemble([]bpf.Instruction{
			bpf.LoadAbsolute{Off: 36, Size: 2},
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: 53, SkipFalse: 1},
			bpf.RetConstant{Val: 1 << 18},
			bpf.RetConstant{Val: 0},
		})
	}
	tl := newTally()
	c := start(t, Config{Interface: "vb", NetNS: path(w.b), Filter: filter}, tl)
	a, b := w.sender(w.a, "va"), w.sender(w.b, "vb")
	// What the filter takes comes last: all before has been through it by then.
	for _, port := range []uint16{50, 51, 52, 54, 55, 56, 57, 58, 59, 53} {
		a.send(ether(0x0800, ipv4(17, 1, 2, udp(1, port, nil))))
		b.send(back(0x0800, ipv4(17, 2, 1, udp(1, port, nil))))
	}
	c.saw(t, 2)
	if err := c.src.SelfTest(); err != nil {
		t.Error(err)
	}
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	if n := len(tl.flows()); n != 2 || tl.packets != 2 {
		t.Errorf("%d packets of %d flows, want 2 of 2", tl.packets, n)
	}
	bad := errors.New("syntax error")
	src, err := New(Config{Interface: "vb", NetNS: path(w.b), Filter: func(packet.LinkType) ([]bpf.RawInstruction, error) { return nil, bad }})
	if err != nil {
		t.Fatal(err)
	}
	if err := src.Run(t.Context(), []source.Worker{newTally()}); !errors.Is(err, bad) {
		t.Errorf("got %v", err)
	}
}

// TestDetached ends a capture whose classifier somebody removed.
func TestDetached(t *testing.T) {
	w := newWorld(t)
	c := start(t, Config{Interface: "vb", NetNS: path(w.b), classic: true}, newTally())
	w.run("tc", "-n", w.b, "qdisc", "del", "dev", "vb", "clsact")
	err := c.Wait()
	if !errors.Is(err, ErrGone) || !strings.Contains(err.Error(), "removed") {
		t.Errorf("the capture ended with %v", err)
	}
}

// TestProbe checks that this kernel can what captures need.
func TestProbe(t *testing.T) {
	needRoot(t)
	f := Probe()
	if !f.Usable || f.Kernel == "" || !f.Batch {
		t.Errorf("%+v", f)
	}
	if f.TCX != (len(f.Problems()) == 0) {
		t.Errorf("%+v", f)
	}
}
