package flowcapture

import (
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/internal/netns"
	"github.com/skein-net/skein/internal/netns/netnstest"
	"github.com/skein-net/skein/otel-receiver/source/ebpf"
)

func ip(t testing.TB, args ...string) {
	t.Helper()
	netnstest.Run(t, append([]string{"ip"}, args...)...)
}

// lab makes two network namespaces with a cable between them: va with 10.9.9.1
// in the first, vb with 10.9.9.2 in the second.
func lab(t testing.TB) (first, second string) {
	t.Helper()
	first, second = netnstest.Add(t), netnstest.Add(t)
	netnstest.Veth(t, first, "va", second, "vb")
	ip(t, "-n", first, "addr", "add", "10.9.9.1/24", "dev", "va")
	ip(t, "-n", second, "addr", "add", "10.9.9.2/24", "dev", "vb")
	ip(t, "-n", first, "link", "set", "va", "up")
	ip(t, "-n", second, "link", "set", "vb", "up")
	return first, second
}

// within runs fn in a namespace.
func within(t testing.TB, name string, fn func() error) {
	t.Helper()
	ns, err := netns.Open(netnstest.Path(name))
	require.NoError(t, err)
	defer ns.Close()
	require.NoError(t, ns.Do(fn))
}

// exchange sends n datagrams of size bytes from the first to the second
// namespace, each of which is answered.
func exchange(t testing.TB, first, second string, n, size int) {
	t.Helper()
	var server, client net.Conn
	within(t, second, func() error {
		c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(10, 9, 9, 2), Port: 5300})
		server = c
		return err
	})
	defer server.Close()
	within(t, first, func() (err error) {
		client, err = net.DialUDP("udp4", &net.UDPAddr{IP: net.IPv4(10, 9, 9, 1), Port: 4000}, &net.UDPAddr{IP: net.IPv4(10, 9, 9, 2), Port: 5300})
		return err
	})
	defer client.Close()
	buf := make([]byte, 2048)
	for range n {
		require.NoError(t, client.SetDeadline(time.Now().Add(10*time.Second)))
		_, err := client.Write(make([]byte, size))
		require.NoError(t, err)
		m, from, err := server.(*net.UDPConn).ReadFromUDPAddrPort(buf)
		require.NoError(t, err)
		_, err = server.(*net.UDPConn).WriteToUDPAddrPort(buf[:m], from)
		require.NoError(t, err)
		_, err = client.Read(buf)
		require.NoError(t, err)
	}
}

func liveConfig(netns string, interfaces ...string) *Config {
	cfg := testConfig(typeAFPacket)
	c := &cfg.Captures[0]
	c.NetNS, c.Interfaces, c.RingSize = netns, interfaces, 1
	c.Filter = "udp port 5300"
	return cfg
}

// running waits until a capture has opened an interface.
func running(t testing.TB, r *flowReceiver, iface string) {
	t.Helper()
	eventually(t, "the capture on "+iface, 20*time.Second, func() bool {
		up := false
		r.captures[0].eachTap(func(name string, tt totals) { up = up || name == iface && tt.running })
		return up
	})
}

// TestVeth: what goes over a cable in a namespace is counted to the packet, and
// belongs to the node of the interface.
func TestVeth(t *testing.T) {
	first, second := lab(t)
	for _, c := range []struct {
		name    string
		pattern string
		workers int
	}{{"by name", "va", 1}, {"by pattern, two workers", "v*", 2}} {
		t.Run(c.name, func(t *testing.T) {
			cfg := liveConfig(first, c.pattern)
			cfg.Captures[0].Workers = c.workers
			sink := new(consumertest.LogsSink)
			r := start(t, cfg, nil, sink, nil, componenttest.NewNopHost())
			running(t, r, "va")
			const n, size = 500, 200
			exchange(t, first, second, n, size)
			eventually(t, "a report", time.Minute, func() bool { return len(records(t, sink)) > 0 })
			stop(t, r)
			got := records(t, sink)
			rec := got[len(got)-1]
			require.Equal(t, flowrecord.FinishStopped, rec.Finish)
			require.Equal(t, [4]int64{n, n * (42 + size), n, n * (42 + size)},
				[4]int64{rec.Metric.ABPackets, rec.Metric.ABBytes, rec.Metric.BAPackets, rec.Metric.BABytes})
			require.Equal(t, netip.MustParseAddr("10.9.9.1"), rec.NetworkA)
			require.Equal(t, "va", rec.Interface)
			owner := entity.TID(entity.HostTID("host"), "/run/netns/"+first, entity.TypeNetNS)
			require.Equal(t, entity.TID(owner, "va", "veth"), rec.NodeTID)
			require.Zero(t, tapTotals(r).source.Dropped)
		})
	}
}

// TestInterfaceReturns: an interface that is deleted is told and waited for; its
// flows are reported as ended.
func TestInterfaceReturns(t *testing.T) {
	first, second := lab(t)
	sink, host := new(consumertest.LogsSink), new(statusHost)
	r := start(t, liveConfig(first, "va"), nil, sink, nil, host)
	running(t, r, "va")
	exchange(t, first, second, 3, 10)
	eventually(t, "a report", time.Minute, func() bool { return len(records(t, sink)) > 0 })
	ip(t, "-n", first, "link", "del", "va")
	eventually(t, "the error", 20*time.Second, func() bool { _, msg := host.last(); return msg != "" })
	eventually(t, "the end", time.Minute, func() bool {
		got := records(t, sink)
		return got[len(got)-1].Finish == flowrecord.FinishStopped
	})
	before := len(records(t, sink))
	netnstest.Veth(t, first, "va", second, "vb")
	ip(t, "-n", first, "addr", "add", "10.9.9.1/24", "dev", "va")
	ip(t, "-n", second, "addr", "add", "10.9.9.2/24", "dev", "vb")
	ip(t, "-n", first, "link", "set", "va", "up")
	ip(t, "-n", second, "link", "set", "vb", "up")
	running(t, r, "va")
	exchange(t, first, second, 3, 10)
	eventually(t, "another report", time.Minute, func() bool { return len(records(t, sink)) > before })
	stop(t, r)
	require.NotZero(t, r.captures[0].failures.Load())
}

// TestDefaultRoute finds the interface, and tells when there is none.
func TestDefaultRoute(t *testing.T) {
	first, _ := lab(t)
	c := DefaultCapture()
	c.NetNS, c.Interfaces = first, []string{DefaultRoute}
	_, err := interfaces(&c)
	require.ErrorContains(t, err, "there is no default route; name the interface instead")
	ip(t, "-n", first, "route", "add", "default", "via", "10.9.9.2")
	names, err := interfaces(&c)
	require.NoError(t, err)
	require.Equal(t, []string{"va"}, names)
	ip(t, "-n", first, "route", "del", "default")
	ip(t, "-n", first, "addr", "add", "fd09::1/64", "dev", "va", "nodad")
	ip(t, "-n", first, "-6", "route", "add", "default", "via", "fd09::2")
	names, err = interfaces(&c)
	require.NoError(t, err)
	require.Equal(t, []string{"va"}, names)
}

// TestPatterns: lo is meant by its name only, an interface once only.
func TestPatterns(t *testing.T) {
	first, _ := lab(t)
	c := DefaultCapture()
	c.NetNS, c.Interfaces = first, []string{"l*", "v*", "va", "nothing*", "lo"}
	names, err := interfaces(&c)
	require.NoError(t, err)
	require.Equal(t, []string{"va", "lo"}, names)
	c.MaxInterfaces = 1
	names, err = interfaces(&c)
	require.ErrorContains(t, err, "2 interfaces match, the capture runs on the first 1 only; raise max_interfaces")
	require.Equal(t, []string{"va"}, names)
	c.NetNS = "no-such-namespace"
	_, err = interfaces(&c)
	require.ErrorContains(t, err, "open network namespace")
}

// TestProcesses: records say who has the sockets of a flow.
func TestProcesses(t *testing.T) {
	first, second := lab(t)
	cfg := liveConfig(first, "va")
	cfg.Sockets.Enabled = true
	sink := new(consumertest.LogsSink)
	r := start(t, cfg, nil, sink, nil, componenttest.NewNopHost())
	running(t, r, "va")
	eventually(t, "a record with a process", 20*time.Second, func() bool {
		exchange(t, first, second, 20, 10)
		for _, rec := range records(t, sink) {
			if rec.ProcessA.PID == int64(os.Getpid()) {
				return true
			}
		}
		return false
	})
	stop(t, r)
}

// TestDrops: records say what the kernel dropped of a flow.
func TestDrops(t *testing.T) {
	first, _ := lab(t)
	cfg := liveConfig(first, "va")
	cfg.Captures[0].Filter = "udp port 5399"
	cfg.Drops.Enabled = true
	sink := new(consumertest.LogsSink)
	r := start(t, cfg, nil, sink, nil, componenttest.NewNopHost())
	if p := r.problems(ebpf.Features{}); len(p) > 0 {
		stop(t, r)
		t.Skipf("the kernel does not tell: %+v", p)
	}
	running(t, r, "va")
	var client net.Conn
	within(t, first, func() (err error) {
		client, err = net.Dial("udp4", "10.9.9.2:5399") // where nobody listens
		return err
	})
	defer client.Close()
	eventually(t, "a record with a reason", 20*time.Second, func() bool {
		_, _ = client.Write([]byte("hello"))
		for _, rec := range records(t, sink) {
			if rec.Dropped > 0 {
				t.Log(rec.Drops)
				return true
			}
		}
		return false
	})
	stop(t, r)
}
