package e2e

import (
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// echoes are echo requests (RFC 792, RFC 4443) that a test sends: exactly so many.
// The program ping sends more of them where it is told until when to wait, and does
// not wait for the last answers where it is not.
type echoes struct {
	n, size int
	// every is the time between two, late how long the last answers may take.
	every, late time.Duration
}

// send sends them from a namespace, and returns how many were answered and how long
// the longest round trip was, as this process sees it.
func (e echoes) send(t testing.TB, h *hostNS, ns, addr string) (answered int, longest time.Duration) {
	t.Helper()
	to := netip.MustParseAddr(addr)
	network, all, protocol := "ip4:icmp", "0.0.0.0", 1
	var request, reply icmp.Type = ipv4.ICMPTypeEcho, ipv4.ICMPTypeEchoReply
	if to.Is6() {
		network, all, protocol = "ip6:ipv6-icmp", "::", 58
		request, reply = ipv6.ICMPTypeEchoRequest, ipv6.ICMPTypeEchoReply
	}
	var c *icmp.PacketConn
	h.do(t, ns, func() (err error) {
		c, err = icmp.ListenPacket(network, all)
		return err
	})
	defer c.Close()
	id := int(rand.Uint32N(1 << 16)) // each time another flow
	sent := make([]time.Time, e.n)
	buf := make([]byte, 65536)
	// read takes answers until all have come or until then.
	read := func(until time.Time) {
		require.NoError(t, c.SetReadDeadline(until))
		for answered < e.n {
			n, _, err := c.ReadFrom(buf)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				return
			}
			require.NoError(t, err)
			m, err := icmp.ParseMessage(protocol, buf[:n])
			if err != nil || m.Type != reply {
				continue
			}
			if b, ok := m.Body.(*icmp.Echo); ok && b.ID == id && b.Seq < e.n && !sent[b.Seq].IsZero() {
				longest = max(longest, time.Since(sent[b.Seq]))
				sent[b.Seq] = time.Time{} // a second answer does not count
				answered++
			}
		}
	}
	for i := range e.n {
		text, err := (&icmp.Message{Type: request, Body: &icmp.Echo{ID: id, Seq: i, Data: make([]byte, e.size)}}).Marshal(nil)
		require.NoError(t, err)
		sent[i] = time.Now()
		_, err = c.WriteTo(text, &net.IPAddr{IP: to.AsSlice()})
		require.NoError(t, err)
		read(sent[i].Add(e.every))
	}
	read(time.Now().Add(e.late))
	return answered, longest
}

// ping sends echo requests, all of which must be answered.
func (h *hostNS) ping(ns, addr string, n, size int) {
	h.t.Helper()
	answered, _ := echoes{n, size, 10 * time.Millisecond, 20 * time.Second}.send(h.t, h, ns, addr)
	require.Equal(h.t, n, answered, "answers of %s", addr)
}

// echo sends echo requests and returns how many were answered, and how long the
// longest round trip was.
func (h *hostNS) echo(ns, addr string, n int) (int, time.Duration) {
	h.t.Helper()
	return echoes{n, 56, 50 * time.Millisecond, 3 * time.Second}.send(h.t, h, ns, addr)
}
