package packet_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/gopacket/gopacket/pcapgo"

	"github.com/skein-net/skein/otel-receiver/packet"
)

// captures are files of a collection that is not part of this repository, and
// the levels of their packets: the path, tags and IDs, and the bytes of all
// packets together. TestSamples covers the same layers without it.
func captures() map[string]map[string]int {
	return map[string]map[string]int{
		"dns.pcap":                             {"0 Ethernet/IPv4/UDP []": 596 + 2435},
		"erspanII.pcap":                        {"0 Ethernet/IPv4/GRE [] ERSPAN 100": 656, "1 Ethernet/IPv4/ICMPv4 [] id 22": 4 * 114},
		"eth-ip4-arp-dns-req-http-google.pcap": {"0 Ethernet/ARP []": 84, "0 Ethernet/IPv4/UDP []": 148 + 256 + 146 + 190, "0 Ethernet/IPv4/TCP []": 516 + 760 + 1475 + 21080},
		"geneve.pcap":                          {"0 Ethernet/IPv4/UDP/Geneve [] Geneve 10": 5027, "0 Ethernet/IPv4/UDP/Geneve [] Geneve 11": 4253, "1 Ethernet/IPv4/ICMPv4 [] id 10578": 588, "1 Ethernet/IPv4/TCP []": 3631 + 2959},
		"gre-mpls-icmpv4.pcap":                 {"0 Ethernet/IPv4/GRE/MPLS [] GRE 0": 252, "1 IPv4/ICMPv4 [] id 4214": 168},
		"icmp-vlan.pcap":                       {"0 Ethernet/Dot1Q/IPv4/ICMPv4 [5] id 30122": 204},
		"ipv4-fragments.pcap":                  {"0 Ethernet/IPv4/Fragment/ICMPv4 [] id 5058": 1010, "0 Ethernet/IPv4/Fragment []": 466, "0 Ethernet/IPv4/ICMPv4 [] id 5058": 1442},
		"layer-key-mode.pcap":                  {"0 Ethernet/IPv4/ICMPv4 [] id 23604": 4 * 98},
		"lldp-detailed.pcap":                   {"0 Ethernet/LLDP []": 263},
		"simple-tcpv4.pcap":                    {"0 Ethernet/IPv4/TCP []": 344 + 206},
		"simple-tcpv6.pcap":                    {"0 Ethernet/IPv6/TCP []": 272 + 180},
		"vxlan-icmpv4-truncated.pcap":          {"0 Ethernet/IPv4/UDP/VXLAN [] VXLAN 10": 2232, "1 Ethernet/IPv4/ICMPv4 [] id 31133": 2132},
	}
}

func TestCaptures(t *testing.T) {
	folder := filepath.Join("..", "..", "..", "shared", "pcaps")
	for name, want := range captures() {
		t.Run(name, func(t *testing.T) {
			got := map[string]int{}
			readCapture(t, filepath.Join(folder, name), func(p *packet.Packet) {
				for i := range p.N {
					got[describe(i, &p.Levels[i])] += int(p.Levels[i].Wire)
				}
			})
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("\n got %v\nwant %v", got, want)
			}
		})
	}
}

func describe(i int, l *packet.Level) string {
	s := fmt.Sprintf("%d %s %v", i, packet.AppendPath(nil, l), l.VLANs[:l.NVLANs])
	if l.Transport == packet.LayerICMPv4 {
		s += fmt.Sprintf(" id %d", l.ICMPID)
	}
	if l.Tunnel != packet.LayerNone {
		s += fmt.Sprintf(" %v %d", l.Tunnel, l.TunnelID)
	}
	return s
}

// readCapture decodes the packets of a file, and skips the test without it.
func readCapture(t *testing.T, name string, each func(*packet.Packet)) {
	file, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("the collection of captures is not there")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	r, err := pcapgo.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	d := packet.New()
	var p packet.Packet
	for {
		data, info, err := r.ReadPacketData()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		d.Decode(&p, packet.LinkType(r.LinkType()), data, info.Length)
		each(&p)
	}
}
