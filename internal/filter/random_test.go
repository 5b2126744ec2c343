package filter

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// writer makes random filters that are likely to match some of the frames.
type writer struct{ *rand.Rand }

func (w writer) pick(s ...string) string { return s[w.IntN(len(s))] }

func (w writer) expression(depth int) string {
	switch n := w.IntN(10); {
	case depth == 0 || n < 2:
		return w.term()
	case n < 8:
		return w.expression(depth-1) + w.pick(" and ", " or ", " and ", " or ", " && ") + w.expression(depth-1)
	case n == 8:
		return "(" + w.expression(depth-1) + ")"
	default:
		return w.pick("not ", "! ") + w.term()
	}
}

func (w writer) term() string {
	switch w.IntN(12) {
	case 0, 1:
		return w.pick("ip", "ip6", "arp", "tcp", "udp", "icmp", "icmp6", "sctp", "igmp", "broadcast", "multicast", "stp", "ip multicast")
	case 2:
		return w.pick("", "src ", "dst ", "src or dst ", "src and dst ") + "host " + w.host() + w.list(w.host)
	case 3:
		return w.pick("", "src ", "dst ") + "net " + w.net() + w.list(w.net)
	case 4, 5:
		return w.pick("", "tcp ", "udp ", "sctp ") + w.pick("", "src ", "dst ", "src and dst ") + "port " + w.port() + w.list(w.port)
	case 6:
		return w.pick("", "tcp ", "udp ") + w.pick("", "src ", "dst ") + fmt.Sprintf("portrange %d-%d", w.IntN(9000), w.IntN(60000))
	case 7:
		return w.pick("vlan", "vlan 5", "vlan 7", "mpls", "mpls 3", "pppoes", "pppoes 5")
	case 8:
		return w.pick("ip ", "ip6 ", "") + "proto " + w.pick("6", "17", "1", "58", "47", `\tcp`, `\udp`)
	case 9:
		return w.pick("ether ", "ether src ", "ether dst ") + "host 02:00:00:00:00:0" + w.pick("1", "2", "3")
	default:
		return w.load() + w.pick("", "", " & 15", " + "+w.sum(1)) + w.pick(" = ", " != ", " < ", " > ", " <= ", " >= ") + w.sum(1)
	}
}

// list carries the qualifiers on to more ids.
func (w writer) list(id func() string) string {
	var b strings.Builder
	for w.IntN(3) == 0 {
		b.WriteString(w.pick(" or ", " and ", " and not ") + id())
	}
	return b.String()
}

func (w writer) host() string {
	return w.pick("10.0.0.1", "10.0.0.2", "192.168.1.7", "224.0.0.251", "2001:db8::1", "2001:db8:1::2", "::1", "10.1")
}

func (w writer) net() string {
	return w.pick("10.0.0.0/8", "10.0.0.0/24", "192.168", "172.16.0.0/12", "0.0.0.0/0", "2001:db8::/32", "fe80::/10", "ff00::/8")
}

func (w writer) port() string {
	return w.pick("80", "53", "443", "22", "6081", "5353", "40000", "domain", "http")
}

func (w writer) load() string {
	proto := w.pick("ether", "ip", "ip6", "tcp", "udp", "icmp", "icmp6", "arp")
	return fmt.Sprintf("%s[%d%s]", proto, w.IntN(20), w.pick("", ":1", ":2", ":4"))
}

func (w writer) sum(depth int) string {
	if depth == 0 || w.IntN(3) == 0 {
		switch w.IntN(6) {
		case 0:
			return "len"
		case 1, 2:
			return fmt.Sprint(w.IntN(300))
		default:
			return w.load()
		}
	}
	if w.IntN(8) == 0 {
		return fmt.Sprintf("%s[%s]", w.pick("ether", "ip", "tcp"), w.sum(depth-1)+" & 15")
	}
	if w.IntN(5) == 0 {
		return "(" + w.sum(depth-1) + ") << " + fmt.Sprint(w.IntN(9))
	}
	return w.sum(depth-1) + w.pick(" + ", " - ", " * ", " & ", " | ", " ^ ", " / ", " % ") + w.sum(depth-1)
}

// Random filters have the verdicts of tcpdump.
func TestRandomTcpdump(t *testing.T) {
	if testing.Short() {
		t.Skip("runs tcpdump hundreds of times")
	}
	const filters = 300
	w := writer{rand.New(rand.NewPCG(*seed, 1))}
	// Frames that are long enough for every load come first: there is no excuse
	// for those.
	var list []capture
	for _, c := range captures(LinkEthernet) {
		c.data = append(append(make([]byte, 0, 800), c.data...), make([]byte, 700)...)
		c.wire = len(c.data)
		list = append(list, c)
	}
	whole := len(list)
	list = append(list, captures(LinkEthernet)...)
	file := writeFile(t, LinkEthernet, list)
	compared, refused, empty, short := 0, 0, 0, 0
	for range filters {
		expr := w.expression(1 + w.IntN(3))
		if w.IntN(8) == 0 {
			expr = w.pick("geneve", "geneve 5") + " and (" + expr + ")"
		}
		f, ours := Compile(expr, Options{Link: LinkEthernet})
		want, theirs := asked(t, file, len(list), expr)
		switch {
		case ours != nil && theirs != nil:
			refused++
		case ours != nil && strings.Contains(ours.Error(), "no packet can match"):
			// We may see it where tcpdump does not: then it must be true.
			empty++
			for i, v := range want {
				if v {
					t.Errorf("%q cannot match, we say, but tcpdump matches %x", expr, list[i].data)
					break
				}
			}
		case theirs != nil && strings.Contains(theirs.Error(), "rejects all packets"):
			empty++
			for i, v := range f.verdicts(list) {
				if v {
					t.Errorf("%q cannot match, tcpdump says, but we match %x", expr, list[i].data)
					break
				}
			}
		case theirs != nil && strings.Contains(theirs.Error(), "division by zero"),
			theirs != nil && strings.Contains(theirs.Error(), "modulus by zero"):
			// It takes a load at offset 0 for the constant 0.
			refused++
		case (ours == nil) != (theirs == nil):
			t.Errorf("%q: ours %v, tcpdump %v", expr, ours, theirs)
		default:
			compared++
			got := f.verdicts(list)
			for i := whole; i < len(list); i++ {
				// Which loads are left in conditions that exclude one another differs
				// between optimizers, and with it the verdict on a few short frames.
				if got[i] != want[i] {
					short++
					got[i] = want[i]
				}
			}
			if digest(got) != digest(want) {
				t.Errorf("%q: %s", expr, differ(list, got, want))
			}
		}
	}
	t.Logf("%d filters compared on %d frames, %d refused by both, %d match nothing, %d verdicts on short frames differ", compared, len(list), refused, empty, short)
	if short > compared*len(list)/10000 {
		t.Errorf("%d verdicts on short frames differ", short)
	}
}
