package flowcapture

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.uber.org/zap"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/internal/netns"
	"github.com/skein-net/skein/internal/netns/netnstest"
	"github.com/skein-net/skein/internal/order"
	"github.com/skein-net/skein/otel-receiver/source/ebpf"
)

// orderedReceiver is a receiver with orders and without a topologyd.
func orderedReceiver(t testing.TB, sink *consumertest.LogsSink, change func(*Config)) *flowReceiver {
	t.Helper()
	cfg := testConfig(typeAFPacket)
	cfg.Captures = nil
	cfg.Orders.Endpoints = []string{"http://127.0.0.1:1"}
	if change != nil {
		change(cfg)
	}
	return start(t, cfg, nil, sink, nil, componenttest.NewNopHost())
}

// orderFor is an order to capture on an interface of a namespace of the lab.
func orderFor(t testing.TB, id, ns, iface string) order.Capture {
	t.Helper()
	nsID, err := netns.Stat(netnstest.Path(ns))
	require.NoError(t, err)
	var index int
	within(t, ns, func() error {
		i, err := net.InterfaceByName(iface)
		if err == nil {
			index = i.Index
		}
		return err
	})
	return order.Capture{
		ID: id, Name: strings.SplitN(id, "/", 2)[0], Revision: 1,
		Node:    order.Node{TID: entity.HostTID(id).String(), Interface: iface, IfIndex: index, Type: "veth", NetNS: nsID.Inode, NetNSDevice: nsID.Dev, NetNSPath: netnstest.Path(ns)},
		Options: order.Options{Flows: 64},
	}
}

// TestOrderedVeth: a capture by order proves itself, counts to the packet, and
// its flows end with it.
func TestOrderedVeth(t *testing.T) {
	first, second := lab(t)
	sink := new(consumertest.LogsSink)
	r := orderedReceiver(t, sink, nil)
	a, b := orderFor(t, "pings/a", first, "va"), orderFor(t, "pings/b", second, "vb")
	a.Filter, b.Filter = "udp port 5300", "udp port 5300"
	r.orders.Follow([]order.Capture{a, b})
	require.Equal(t, order.ProofSelfTest, becomes(t, r, a.ID, order.StateRunning, "").Proof)
	becomes(t, r, b.ID, order.StateRunning, "")
	exchange(t, first, second, 30, 100)
	eventually(t, "the counters", time.Minute, func() bool {
		x, y := stateOf(r, a.ID), stateOf(r, b.ID)
		return x.Packets == 60 && y.Packets == 60 && x.Bytes == 60*142 && x.Proof == order.ProofPacket && x.Flows == 1 && x.Memory > 0
	})
	require.Empty(t, stateOf(r, a.ID).Dropped)
	r.orders.Follow([]order.Capture{b})
	eventually(t, "the end of the first", time.Minute, func() bool {
		for _, rec := range records(t, sink) {
			if rec.Finish == flowrecord.FinishStopped {
				return true
			}
		}
		return false
	})
	require.Len(t, r.orders.States(), 1)
	stop(t, r)
	last := make(map[string]flowrecord.Record)
	for _, rec := range records(t, sink) {
		last[rec.Interface] = rec
	}
	require.Len(t, last, 2)
	for iface, o := range map[string]order.Capture{"va": a, "vb": b} {
		rec := last[iface]
		require.Equal(t, flowrecord.FinishStopped, rec.Finish)
		require.Equal(t, [2]int64{30, 30}, [2]int64{rec.Metric.ABPackets, rec.Metric.BAPackets})
		require.Equal(t, "pings", rec.CaptureID)
		require.Equal(t, o.Node.TID, rec.NodeTID.String())
	}
	require.Equal(t, last["va"].TrackingID, last["vb"].TrackingID)
}

// TestOrderedTroubles: what is wrong with an interface is said within 2 s, with
// what to do, and when it is right the capture begins by itself.
func TestOrderedTroubles(t *testing.T) {
	first, second := lab(t)
	sink := new(consumertest.LogsSink)
	r := orderedReceiver(t, sink, nil)
	a, b := orderFor(t, "c/a", first, "va"), orderFor(t, "c/b", second, "vb")
	r.orders.Follow([]order.Capture{a, b})
	becomes(t, r, a.ID, order.StateRunning, "")

	ip(t, "-n", first, "link", "set", "va", "down")
	becomes(t, r, a.ID, order.StateFailed, "va is down; set it up, the capture begins by itself")
	becomes(t, r, b.ID, order.StateRunning, "")
	ip(t, "-n", first, "link", "set", "va", "up")
	becomes(t, r, a.ID, order.StateRunning, "")
	ip(t, "-n", first, "addr", "replace", "10.9.9.1/24", "dev", "va")
	before := stateOf(r, a.ID).Packets
	exchange(t, first, second, 5, 10)
	eventually(t, "packets after it came up", time.Minute, func() bool { return stateOf(r, a.ID).Packets >= before+10 })

	ip(t, "-n", first, "link", "set", "va", "name", "renamed")
	eventually(t, "flows by the new name", 20*time.Second, func() bool {
		exchange(t, first, second, 1, 10)
		for _, rec := range records(t, sink) {
			if rec.Interface == "renamed" && rec.NodeTID.String() == a.Node.TID {
				return true
			}
		}
		return false
	})
	becomes(t, r, a.ID, order.StateRunning, "")

	ip(t, "-n", first, "link", "del", "renamed")
	becomes(t, r, a.ID, order.StateFailed, "is gone from net:[")
	becomes(t, r, b.ID, order.StateFailed, "the interface vb")
	stop(t, r)
}

// TestOrderedNamespaceGoes: a namespace that lost its name is gone, although the
// capture itself would keep it alive; one in which a process is, is not.
func TestOrderedNamespaceGoes(t *testing.T) {
	first, second := lab(t)
	r := orderedReceiver(t, new(consumertest.LogsSink), nil)
	a, b := orderFor(t, "c/a", first, "va"), orderFor(t, "c/b", second, "vb")
	child := exec.Command("ip", "netns", "exec", first, "sleep", "600")
	require.NoError(t, child.Start())
	defer func() { _ = child.Process.Kill(); _ = child.Wait() }()
	eventually(t, "the process in the namespace", 20*time.Second, func() bool {
		id, err := netns.OpenPID(child.Process.Pid)
		if err != nil {
			return false
		}
		defer id.Close()
		return id.ID().Inode == a.Node.NetNS
	})
	r.orders.Follow([]order.Capture{a, b})
	becomes(t, r, a.ID, order.StateRunning, "")
	becomes(t, r, b.ID, order.StateRunning, "")
	ip(t, "netns", "del", second)
	want := fmt.Sprintf("the network namespace net:[%d] of vb is gone; the capture ends when the topology no longer shows it", b.Node.NetNS)
	becomes(t, r, b.ID, order.StateFailed, want)
	// The kernel takes the namespace apart once nothing holds it; va goes with vb.
	becomes(t, r, a.ID, order.StateFailed, "the interface va")
	ip(t, "netns", "del", first)
	becomes(t, r, a.ID, order.StateFailed, "the interface va") // the process is in it
	_ = child.Process.Kill()
	_ = child.Wait()
	becomes(t, r, a.ID, order.StateFailed, "the network namespace")
	stop(t, r)
}

// TestOrderedWrong: what cannot work is said at once and not tried.
func TestOrderedWrong(t *testing.T) {
	first, _ := lab(t)
	r := orderedReceiver(t, new(consumertest.LogsSink), func(c *Config) {
		c.Orders.MaxCaptures, c.Orders.MaxMemory = 2, 64<<20
	})
	good, filter, raw, big, none, third := orderFor(t, "good/a", first, "va"), orderFor(t, "filter/a", first, "va"),
		orderFor(t, "raw/a", first, "va"), orderFor(t, "big/a", first, "va"), orderFor(t, "none/a", first, "va"), orderFor(t, "third/a", first, "lo")
	filter.Filter = "tcp and nonsense"
	raw.RawPackets = 3
	big.Flows = 1 << 20
	none.Node.IfIndex = 4711
	list := []order.Capture{good, filter, raw, big, none, third}
	r.orders.Follow(list)
	becomes(t, r, good.ID, order.StateRunning, "")
	becomes(t, r, filter.ID, order.StateFailed, "filter, column 9: ")
	becomes(t, r, raw.ID, order.StateRefused, "set orders.raw_packets")
	becomes(t, r, big.ID, order.StateRefused, "raise orders.max_memory")
	becomes(t, r, none.ID, order.StateFailed, "the interface va (index 4711) is gone from net:[")
	becomes(t, r, third.ID, order.StateRefused, "the host follows 2 captures at most")
	filter.Filter, filter.Revision = "tcp", 2
	r.orders.Follow([]order.Capture{good, filter})
	require.Equal(t, uint64(2), becomes(t, r, filter.ID, order.StateRunning, "").Revision)
	stop(t, r)
}

// held counts what a process holds of the kernel.
type held struct{ files, packets, goroutines int }

func holds(t testing.TB, namespaces ...string) (h held) {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	for _, fd := range fds {
		target, err := os.Readlink("/proc/self/fd/" + fd.Name())
		if err == nil && !strings.HasPrefix(target, "/proc/") {
			h.files++
		}
	}
	for _, ns := range namespaces {
		within(t, ns, func() error {
			b, err := os.ReadFile("/proc/thread-self/net/packet")
			h.packets += strings.Count(string(b), "\n") - 1
			return err
		})
	}
	h.goroutines = runtime.NumGoroutine()
	return h
}

// TestOrderedLeavesNothing: fifty captures that come and go while traffic runs
// leave no file, socket or goroutine behind.
func TestOrderedLeavesNothing(t *testing.T) {
	first, second := lab(t)
	sink := new(consumertest.LogsSink)
	r := orderedReceiver(t, sink, func(c *Config) {
		c.Orders.RawPackets = true
		c.Orders.MaxMemory = 1 << 30
	})
	done := make(chan struct{})
	var traffic sync.WaitGroup
	server, client := udpPair(t, first, second)
	traffic.Go(func() {
		buf := make([]byte, 1500)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				_, _ = client.Write(buf[:100])
				_ = server.SetReadDeadline(time.Now().Add(time.Second))
				_, _ = server.Read(buf)
			}
		}
	})
	defer func() { close(done); traffic.Wait(); server.Close(); client.Close() }()
	base := orderFor(t, "warm/a", first, "va")
	r.orders.Follow([]order.Capture{base})
	becomes(t, r, base.ID, order.StateRunning, "")
	r.orders.Follow(nil)
	var before held
	settled := func(what string, want *held) {
		eventually(t, what, 30*time.Second, func() bool {
			h := holds(t, first, second)
			if want == nil {
				before = h
				return h.packets == 0
			}
			return h.files <= want.files && h.packets <= want.packets && h.goroutines <= want.goroutines
		})
	}
	settled("the end of the first", nil)
	kernel := ebpf.Probe()
	for i := range 50 {
		o := orderFor(t, fmt.Sprintf("c%d/a", i), first, "va")
		o.Memory = 2 << 20
		if i%3 == 0 {
			o.RawRing = order.MinRawRing
		}
		other := orderFor(t, fmt.Sprintf("c%d/b", i), second, "vb")
		other.Memory = 2 << 20
		if kernel.Usable && i%10 == 5 {
			other.Type = order.TypeEBPF
		}
		r.orders.Follow([]order.Capture{o, other})
		if i%5 == 0 {
			eventually(t, "packets", 30*time.Second, func() bool { return stateOf(r, o.ID).Packets > 0 && stateOf(r, other.ID).Packets > 0 })
		}
	}
	r.orders.Follow(nil)
	settled("nothing left", &before)
	require.NotContains(t, netnstest.Run(t, "tc", "-n", second, "qdisc", "show", "dev", "vb"), "clsact")
	eventually(t, "no packets kept", time.Minute, func() bool { n, b := r.raw.Stats(); return n == 0 && b == 0 })
	stop(t, r)
}

// udpPair returns sockets that are connected over the cable of the lab.
func udpPair(t testing.TB, first, second string) (server, client net.Conn) {
	t.Helper()
	within(t, second, func() error {
		c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(10, 9, 9, 2), Port: 5301})
		server = c
		return err
	})
	within(t, first, func() (err error) {
		client, err = net.DialUDP("udp4", nil, &net.UDPAddr{IP: net.IPv4(10, 9, 9, 2), Port: 5301})
		return err
	})
	return server, client
}

// TestOrderedEBPF: the same interface counted in the kernel and by packets gives
// the same, and nothing stays attached.
func TestOrderedEBPF(t *testing.T) {
	first, second := lab(t)
	sink := new(consumertest.LogsSink)
	r := orderedReceiver(t, sink, nil)
	if f := ebpf.Probe(); !f.Usable {
		stop(t, r)
		t.Skipf("the kernel has no eBPF for this: %+v", f.Problems())
	}
	kernel, packets := orderFor(t, "kernel/a", first, "va"), orderFor(t, "packets/a", first, "va")
	kernel.Type, kernel.Filter, packets.Filter = order.TypeEBPF, "udp port 5300", "udp port 5300"
	r.orders.Follow([]order.Capture{kernel, packets})
	st := becomes(t, r, kernel.ID, order.StateRunning, "")
	require.Equal(t, order.TypeEBPF, st.Type)
	becomes(t, r, packets.ID, order.StateRunning, "")
	exchange(t, first, second, 50, 100)
	eventually(t, "the counters", time.Minute, func() bool {
		x, y := stateOf(r, kernel.ID), stateOf(r, packets.ID)
		return x.Packets == 100 && y.Packets == 100 && x.Bytes == y.Bytes
	})
	r.orders.Follow(nil)
	eventually(t, "the end of all flows", time.Minute, func() bool {
		n := 0
		for _, rec := range records(t, sink) {
			if rec.Finish == flowrecord.FinishStopped {
				n++
			}
		}
		return n == 2
	})
	stop(t, r)
	last := make(map[string]flowrecord.Record)
	for _, rec := range records(t, sink) {
		last[rec.CaptureID] = rec
	}
	require.Equal(t, last["packets"].Metric.ABPackets, last["kernel"].Metric.ABPackets)
	require.Equal(t, last["packets"].Metric.BABytes, last["kernel"].Metric.BABytes)
	require.Equal(t, last["packets"].TrackingID, last["kernel"].TrackingID)
	require.NotContains(t, netnstest.Run(t, "tc", "-n", first, "qdisc", "show", "dev", "va"), "clsact")
}

// BenchmarkLook is what it costs to look after a capture that runs, once a second
// each.
func BenchmarkLook(b *testing.B) {
	first, _ := lab(b)
	g, err := newHostGround(newSources(HostConfig{ID: "h", Name: "host"}, time.Second, zap.NewNop()))
	require.NoError(b, err)
	o := orderFor(b, "c/a", first, "va")
	for b.Loop() {
		s, err := g.look(&o.Node)
		if err != nil {
			b.Fatal(err)
		}
		s.close()
	}
}
