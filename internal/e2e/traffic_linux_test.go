package e2e

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/skein-net/skein/internal/netns"
	"github.com/skein-net/skein/internal/proctest"
)

// traffic is one kind of packets between the root namespace (v0, 10.7.0.1) and
// far (eth0, 10.7.0.2).
type traffic struct {
	name string
	send func(*testing.T, *hostNS)
	// least is how many packets there are at least, layers the paths of flows
	// that must be among those seen.
	least  int64
	layers []string
}

func traffics() []traffic {
	return []traffic{
		{"TCP", func(t *testing.T, h *hostNS) {
			for i := range 5 {
				h.tcp(t, "far", "10.7.0.2:8080", "", 10_000*(i+1))
			}
		}, 100, []string{"Ethernet/IPv4/TCP", "Ethernet/ARP"}},
		{"TCP over IPv6", func(t *testing.T, h *hostNS) {
			h.six()
			h.tcp(t, "far", "[fd07::2]:8080", "", 50_000)
		}, 40, []string{"Ethernet/IPv6/TCP", "Ethernet/IPv6/ICMPv6"}},
		{"UDP", func(t *testing.T, h *hostNS) {
			h.udp(t, "far", "10.7.0.2:9000", "", 500, 700)
			h.udp(t, "far", "10.7.0.2:9001", "", 50, 0)
		}, 550, []string{"Ethernet/IPv4/UDP"}},
		{"UDP over IPv6", func(t *testing.T, h *hostNS) {
			h.six()
			h.udp(t, "far", "[fd07::2]:9000", "", 300, 33)
		}, 300, []string{"Ethernet/IPv6/UDP"}},
		{"ICMP", func(_ *testing.T, h *hostNS) { h.ping("", "10.7.0.2", 50, 56) }, 100, []string{"Ethernet/IPv4/ICMPv4"}},
		{"ICMP over IPv6", func(_ *testing.T, h *hostNS) {
			h.six()
			h.ping("", "fd07::2", 50, 56)
		}, 100, []string{"Ethernet/IPv6/ICMPv6"}},
		{"fragments", func(_ *testing.T, h *hostNS) {
			h.ping("", "10.7.0.2", 10, 4000)
			h.six()
			h.ping("", "fd07::2", 10, 4000)
		}, 120, []string{"Ethernet/IPv4/Fragment/ICMPv4"}},
		{"VLAN", func(t *testing.T, h *hostNS) {
			for _, tags := range [][]uint16{{7}, {7, 8}} {
				h.raw(t, "far", "eth0", tagged(t, tags), 100)
				h.raw(t, "", "v0", tagged(t, tags), 100)
			}
		}, 400, []string{"Ethernet/Dot1Q/IPv4/UDP", "Ethernet/Dot1Q/Dot1Q/IPv4/UDP"}},
		{"VXLAN", func(_ *testing.T, h *hostNS) {
			for i, end := range [][2]string{{"", "v0"}, {"far", "eth0"}} {
				h.ip(end[0], "link", "add", "vx0", "type", "vxlan", "id", "42", "remote", fmt.Sprintf("10.7.0.%d", 2-i), "dev", end[1], "dstport", "4789")
				h.ip(end[0], "addr", "add", fmt.Sprintf("10.8.0.%d/24", i+1), "dev", "vx0")
				h.ip(end[0], "link", "set", "vx0", "up")
			}
			h.ping("", "10.8.0.2", 50, 56)
		}, 100, []string{"Ethernet/IPv4/UDP/VXLAN", "Ethernet/IPv4/ICMPv4"}},
		{"GRE", func(t *testing.T, h *hostNS) { h.ovs(t, "gre") }, 100, []string{"Ethernet/IPv4/GRE", "Ethernet/IPv4/ICMPv4"}},
		{"Geneve", func(t *testing.T, h *hostNS) { h.ovs(t, "geneve") }, 100, []string{"Ethernet/IPv4/UDP/Geneve", "Ethernet/IPv4/ICMPv4"}},
		{"ERSPAN", func(t *testing.T, h *hostNS) { h.ovs(t, "erspan") }, 100, []string{"Ethernet/IPv4/GRE", "Ethernet/IPv4/ICMPv4"}},
	}
}

// six gives the wire IPv6 addresses. The interfaces were made without, so that
// they are silent until now.
func (h *hostNS) six() {
	for i, end := range [][2]string{{"", "v0"}, {"far", "eth0"}} {
		h.sysctl(end[0], "ipv6/conf/"+end[1]+"/accept_dad", "0")
		h.sysctl(end[0], "ipv6/conf/"+end[1]+"/router_solicitations", "0")
		h.sysctl(end[0], "ipv6/conf/"+end[1]+"/disable_ipv6", "0")
		h.ip(end[0], "addr", "add", fmt.Sprintf("fd07::%d/64", i+1), "dev", end[1], "nodad")
	}
}

func (h *hostNS) do(t testing.TB, ns string, fn func() error) {
	t.Helper()
	n, err := netns.Open(h.path(ns))
	require.NoError(t, err)
	defer n.Close()
	require.NoError(t, n.Do(fn))
}

// tcp sends bytes from a client to a server, and waits for both sides to close.
func (h *hostNS) tcp(t testing.TB, server, addr, client string, bytes int) {
	t.Helper()
	across(t, h, client, h, server, addr, bytes)
}

// across is tcp from one host to another.
func across(t testing.TB, from *hostNS, client string, to *hostNS, server, addr string, bytes int) {
	t.Helper()
	var l net.Listener
	to.do(t, server, func() (err error) {
		l, err = net.Listen("tcp", addr) //nolint:noctx // it is closed below
		return err
	})
	defer l.Close()
	served := make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err == nil {
			_, err = io.Copy(io.Discard, conn)
			_ = conn.Close()
		}
		served <- err
	}()
	var conn net.Conn
	from.do(t, client, func() (err error) {
		conn, err = net.DialTimeout("tcp", addr, 10*time.Second) //nolint:noctx // it has a timeout
		return err
	})
	_, err := conn.Write(make([]byte, bytes))
	require.NoError(t, err)
	require.NoError(t, conn.(*net.TCPConn).CloseWrite())
	_, err = io.Copy(io.Discard, conn)
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	require.NoError(t, <-served)
}

// udp sends datagrams from a client to a server that echoes them.
func (h *hostNS) udp(t testing.TB, server, addr, client string, n, size int) {
	t.Helper()
	var s net.PacketConn
	h.do(t, server, func() (err error) {
		s, err = net.ListenPacket("udp", addr) //nolint:noctx // it is closed below
		return err
	})
	defer s.Close()
	var c net.Conn
	h.do(t, client, func() (err error) {
		c, err = net.DialTimeout("udp", addr, 10*time.Second) //nolint:noctx // it has a timeout
		return err
	})
	defer c.Close()
	buf := make([]byte, 2000)
	end := time.Now().Add(20 * time.Second)
	require.NoError(t, s.SetDeadline(end))
	require.NoError(t, c.SetDeadline(end))
	for range n {
		_, err := c.Write(buf[:size])
		require.NoError(t, err)
		got, from, err := s.ReadFrom(buf)
		require.NoError(t, err)
		_, err = s.WriteTo(buf[:got], from)
		require.NoError(t, err)
		_, err = c.Read(buf)
		require.NoError(t, err)
	}
}

// raw puts a frame on an interface, n times.
func (h *hostNS) raw(t testing.TB, ns, dev string, frame []byte, n int) {
	t.Helper()
	h.do(t, ns, func() error {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
		if err != nil {
			return fmt.Errorf("open socket: %w", err)
		}
		defer func() { _ = unix.Close(fd) }()
		link, err := net.InterfaceByName(dev)
		if err != nil {
			return err
		}
		to := &unix.SockaddrLinklayer{Ifindex: link.Index, Protocol: 0x0081} // 802.1Q in network byte order
		for range n {
			if err := unix.Sendto(fd, frame, 0, to); err != nil {
				return fmt.Errorf("send: %w", err)
			}
		}
		return nil
	})
}

// tagged is a frame with VLAN tags and 100 bytes by UDP.
func tagged(t testing.TB, tags []uint16) []byte {
	t.Helper()
	eth := &layers.Ethernet{SrcMAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, DstMAC: net.HardwareAddr{2, 0, 0, 0, 0, 2}, EthernetType: layers.EthernetTypeDot1Q}
	parts := []gopacket.SerializableLayer{eth}
	for i, id := range tags {
		tag := &layers.Dot1Q{VLANIdentifier: id, Type: layers.EthernetTypeIPv4}
		if i < len(tags)-1 {
			tag.Type = layers.EthernetTypeDot1Q
		}
		parts = append(parts, tag)
	}
	ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: netip.MustParseAddr("10.9.0.1").AsSlice(), DstIP: netip.MustParseAddr("10.9.0.2").AsSlice()}
	udp := &layers.UDP{SrcPort: 1000, DstPort: 2000}
	require.NoError(t, udp.SetNetworkLayerForChecksum(ip))
	parts = append(parts, ip, udp, gopacket.Payload(make([]byte, 100)))
	buf := gopacket.NewSerializeBuffer()
	require.NoError(t, gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, parts...))
	return buf.Bytes()
}

// stream sends a capture file to a socket that takes streams.
func stream(t testing.TB, addr, file string) {
	t.Helper()
	f, err := os.Open(file)
	require.NoError(t, err)
	defer f.Close()
	var conn net.Conn
	proctest.Eventually(t, 20*time.Second, "streams are taken", func() (err error) {
		conn, err = net.DialTimeout("tcp", addr, 10*time.Second) //nolint:noctx // it has a timeout
		return err
	})
	_, err = io.Copy(conn, f)
	require.NoError(t, err)
	require.NoError(t, conn.Close())
}

// lookup finds a program, also where only root looks.
func lookup(name string) (string, error) {
	for _, dir := range []string{"/usr/bin", "/usr/sbin", "/bin", "/sbin"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return filepath.Join(dir, name), nil
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%s is not installed; make setup installs it", name)
	}
	return path, nil
}
