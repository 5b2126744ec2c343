package ebpf

import (
	"encoding/binary"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/skein-net/skein/internal/netns/netnstest"
	"github.com/skein-net/skein/otel-receiver/source"
)

// TestSplit sends by TCP, over IPv4 and IPv6, from an interface that cannot split
// segments itself, so that the kernel does, and from one that can: what is counted
// is what the interface and AF_PACKET count.
func TestSplit(t *testing.T) {
	needEthtool(t)
	for name, on := range map[string]string{"by the kernel": "off", "by the device": "on"} {
		t.Run(name, func(t *testing.T) {
			if on == "on" && os.Getenv(inGuest) != "" {
				t.Skip("nothing is split, on whichever kernel")
			}
			both(t, func(t *testing.T, classic bool) {
				w := newWorld(t)
				w.addresses()
				w.addresses6()
				w.in(w.a, "ethtool", "-K", "va", "tso", on, "gso", on)
				const size = 200_000
				ours, _, d := w.twice(t, w.a, "va", Config{classic: classic}, func(func()) {
					w.transfer("10.99.0.2:0", size)
					w.transfer("[fd99::2]:0", size)
				})
				if d.Events > 16 {
					t.Errorf("%d segments came through the ring", d.Events)
				}
				flows := ours.flows()
				if len(flows) != 2 {
					t.Errorf("%d flows, want 2", len(flows))
				}
				for _, r := range flows {
					if split := r.Metric.ABPackets > size/1500; split != (on == "off") {
						t.Errorf("%d packets of %d bytes", r.Metric.ABPackets, size)
					}
					if r.SamplingRate > 1 || r.TCP == nil || r.TCP.State != "CLOSED" || r.TCP.AB.FinStart == 0 {
						t.Errorf("%+v %+v", r, r.TCP)
					}
				}
			})
		})
	}
}

func needEthtool(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("ethtool"); err != nil {
		t.Skip("ethtool is not there")
	}
}

// addresses6 is addresses for IPv6.
func (w *world) addresses6() {
	w.t.Helper()
	for i, end := range [][2]string{{w.a, "va"}, {w.b, "vb"}} {
		// Still nothing but what the test sends: no address that asks for routers.
		conf := "/proc/sys/net/ipv6/conf/" + end[1]
		w.set(end[0], conf+"/addr_gen_mode", "1")
		w.set(end[0], conf+"/router_solicitations", "0")
		w.set(end[0], conf+"/disable_ipv6", "0")
		w.run("ip", "-n", end[0], "addr", "add", []string{"fd99::1/64", "fd99::2/64"}[i], "dev", end[1], "nodad")
		w.run("ip", "-n", end[0], "neigh", "add", []string{"fd99::2", "fd99::1"}[i], "lladdr", []string{"02:00:00:00:00:0b", "02:00:00:00:00:0a"}[i], "dev", end[1])
	}
}

// transfer sends so many bytes by TCP from a to an address of b, and waits until
// nothing more of it can come.
func (w *world) transfer(address string, size int) {
	w.t.Helper()
	listener := inNS(w.t, path(w.b), func() (net.Listener, error) { return net.Listen("tcp", address) })
	defer listener.Close()
	done := make(chan error, 1)
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			_, err = io.Copy(io.Discard, conn)
			conn.Close()
		}
		done <- err
	}()
	conn := inNS(w.t, path(w.a), func() (net.Conn, error) { return net.Dial("tcp", listener.Addr().String()) })
	defer conn.Close()
	if _, err := conn.Write(make([]byte, size)); err != nil {
		w.t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		w.t.Fatal(err)
	}
	if err := <-done; err != nil {
		w.t.Fatal(err)
	}
	// The end of b has come, so that a has answered it, and b knows.
	if _, err := io.Copy(io.Discard, conn); err != nil {
		w.t.Fatal(err)
	}
	eventually(w.t, patience, func() bool { return !lastACK.MatchString(w.in(w.b, "cat", "/proc/net/tcp", "/proc/net/tcp6")) }, "the connection is over")
}

// lastACK finds a connection whose end the other side has not answered (TCP_LAST_ACK
// in proc_pid_net(5)).
var lastACK = regexp.MustCompile(`(?m)^ *\d+: \S+ \S+ 09 `)

// TestSplitFull sends what the kernel splits while the map has no room: it comes
// through the ring, a buffer at a time, and is counted as exactly.
func TestSplitFull(t *testing.T) {
	needEthtool(t)
	w := newWorld(t)
	w.addresses()
	w.in(w.a, "ethtool", "-K", "va", "tso", "off", "gso", "off", "gro", "off")
	tl := newTally()
	gate := make(chan struct{})
	tl.onBulk = func(*source.Bulk) { <-gate }
	c := start(t, Config{Interface: "va", NetNS: path(w.a), Flows: MinFlows, Interval: time.Minute}, tl)
	before, beforeBytes := w.counters(w.a, "va")
	s := w.sender(w.a, "va")
	s.send(ether(0x0800, ipv4(17, 1, 2, udp(1, 53, nil))))
	eventually(t, patience, func() bool { return c.src.count.drains.Load() > 0 }, "the map is read")
	for i := range uint16(MinFlows) {
		s.send(ether(0x0800, ipv4(17, 1, 2, udp(1000+i, 53, nil))))
	}
	const size = 200_000
	w.transfer("10.99.0.2:0", size)
	close(gate)
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	packets, bytes := w.counters(w.a, "va")
	st := c.src.Stats()
	if tl.packets != packets-before || tl.bytes != bytes-beforeBytes || st.Received != tl.packets || st.Bytes != tl.bytes || st.Overflow != 0 {
		t.Errorf("%d packets with %d bytes, want %d with %d; %+v", tl.packets, tl.bytes, packets-before, bytes-beforeBytes, st)
	}
	if d := c.src.Detail(); d.Events < 10 || tl.packets < size/1500 {
		t.Errorf("%d packets, %+v: want them through the ring", tl.packets, d)
	}
	for _, r := range tl.flows() {
		if r.SamplingRate > 1 || r.TransportProtocol == "TCP" && r.TCP.State != "CLOSED" {
			t.Errorf("%+v %+v", r, r.TCP)
		}
	}
}

// TestSplitForwarded has a bridge send on what a guest sent as one buffer of five
// segments: it stays one but where the device takes less at once.
func TestSplitForwarded(t *testing.T) {
	w := newWorld(t)
	c := netnstest.Add(t)
	w.set(c, "/proc/sys/net/ipv6/conf/default/disable_ipv6", "1")
	netnstest.Veth(t, w.b, "vc", c, "vd")
	w.run("ip", "-n", w.b, "link", "add", "br0", "type", "bridge", "mcast_snooping", "0")
	for _, dev := range []string{"vb", "vc"} {
		w.run("ip", "-n", w.b, "link", "set", dev, "master", "br0", "up")
	}
	w.run("ip", "-n", w.b, "link", "set", "br0", "up")
	w.run("ip", "-n", c, "link", "set", "vd", "up")
	eventually(t, patience, func() bool {
		return strings.Contains(w.run("bridge", "-n", w.b, "link", "show", "dev", "vc"), "state forwarding")
	}, "the bridge forwards")
	s := w.sender(w.a, "va")
	if err := unix.SetsockoptInt(s.fd, unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1); err != nil {
		t.Fatal(err)
	}
	const segment, segments, headers = 1000, 5, 54
	tcp := make([]byte, 20+segments*segment)
	binary.BigEndian.PutUint16(tcp, 1000)
	binary.BigEndian.PutUint16(tcp[2:], 80)
	tcp[12], tcp[13] = 5<<4, 0x10
	// struct virtio_net_hdr: the checksum is not there yet, TCP over IPv4.
	header := []byte{1, 1}
	for _, n := range []uint16{headers, segment, 34, 16} {
		header = binary.NativeEndian.AppendUint16(header, n)
	}
	ip := ipv4(6, 1, 2, tcp)
	// A bridge may look whether the header is right.
	var sum uint32
	for i := 0; i < 20; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(ip[i:]))
	}
	binary.BigEndian.PutUint16(ip[10:], ^uint16(sum+sum>>16))
	frame := append(header, ether(0x0800, ip)...)
	frame[len(header)+5] = 0x0d // vb's own address would not be sent on
	for _, tc := range []struct {
		segments, size string
		want           uint64
	}{
		{"65535", "65536", 1},
		{"4", "65536", segments},
		{"65535", "3000", segments},
	} {
		w.run("ip", "-n", w.b, "link", "set", "vc", "gso_max_segs", tc.segments, "gso_max_size", tc.size)
		ours, _, _ := w.twice(t, w.b, "vc", Config{}, func(func()) { s.send(frame) })
		if ours.packets != tc.want {
			t.Errorf("%s segments, %s bytes at once: %d packets, want %d", tc.segments, tc.size, ours.packets, tc.want)
		}
	}
}
