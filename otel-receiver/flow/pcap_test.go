package flow_test

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gopacket/gopacket/pcapgo"

	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/otel-receiver/flow"
	"github.com/skein-net/skein/otel-receiver/packet"
)

// corpus opens one of the captures that are shared beside the repository; the
// test is skipped where they are not.
func corpus(t *testing.T, name string) *pcapgo.Reader {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "..", "shared", "pcaps", name))
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("the shared captures are not here")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	r, err := pcapgo.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// frame is one frame of a conversation.
type frame struct {
	at   int64
	link packet.LinkType
	wire int
	data []byte
}

func readAll(t *testing.T, r *pcapgo.Reader) (frames []frame) {
	t.Helper()
	for {
		data, ci, err := r.ReadPacketData()
		if errors.Is(err, io.EOF) {
			return frames
		}
		if err != nil {
			t.Fatal(err)
		}
		frames = append(frames, frame{ci.Timestamp.UnixNano(), packet.LinkType(r.LinkType()), ci.Length, data})
	}
}

// add decodes frames and adds them.
func add(table *flow.Table, frames ...frame) {
	d, p := packet.New(), new(packet.Packet)
	for _, f := range frames {
		d.Decode(p, f.link, f.data, f.wire)
		table.Add(p, f.data, f.at)
	}
}

// collect returns an emit function that keeps copies of the records.
func collect(to *[]flowrecord.Record) func(*flowrecord.Record) {
	return func(r *flowrecord.Record) {
		c := *r
		if r.TCP != nil {
			tcp := *r.TCP
			c.TCP = &tcp
		}
		*to = append(*to, c)
	}
}

// flowsOf returns the flows that frames make, in the order they began.
func flowsOf(cfg flow.Config, frames []frame) []flowrecord.Record {
	table := flow.New(cfg, flow.Place{CaptureID: "test"}, nil)
	add(table, frames...)
	var out []flowrecord.Record
	table.Flush(frames[len(frames)-1].at, flowrecord.FinishStopped, collect(&out))
	slices.SortFunc(out, func(a, b flowrecord.Record) int {
		return cmp.Or(cmp.Compare(a.Metric.Start, b.Metric.Start), cmp.Compare(a.LayersPath, b.LayersPath), cmp.Compare(a.TransportA, b.TransportA))
	})
	return out
}

// line writes what the tables of expected flows tell.
func line(r *flowrecord.Record) string {
	var b strings.Builder
	end := func(mac flowrecord.MAC, addr fmt.Stringer, valid bool, port uint16) string {
		if !valid {
			return mac.String()
		}
		if port == 0 {
			return addr.String()
		}
		return fmt.Sprintf("%s:%d", addr, port)
	}
	fmt.Fprintf(&b, "%s %s -> %s", r.LayersPath,
		end(r.LinkA, r.NetworkA, r.NetworkA.IsValid(), r.TransportA), end(r.LinkB, r.NetworkB, r.NetworkB.IsValid(), r.TransportB))
	for _, f := range []struct {
		name string
		n    int64
	}{{"link", r.LinkID}, {"net", r.NetworkID}, {"id", r.ICMPID}} {
		if f.n != 0 {
			fmt.Fprintf(&b, " %s %d", f.name, f.n)
		}
	}
	fmt.Fprintf(&b, " %d/%d %d/%d", r.Metric.ABPackets, r.Metric.ABBytes, r.Metric.BAPackets, r.Metric.BABytes)
	if r.Metric.RTT != 0 {
		fmt.Fprintf(&b, " rtt %d", r.Metric.RTT)
	}
	return b.String()
}

func TestCorpus(t *testing.T) {
	l3 := flow.DefaultConfig()
	l3.KeyMode = flow.L3
	whole := flow.DefaultConfig()
	noDefrag := whole
	noDefrag.Defrag = false
	for _, tc := range []struct {
		file string
		cfg  flow.Config
		want []string
	}{
		{"dns.pcap", whole, []string{
			"Ethernet/IPv4/UDP/DNS 10.0.0.12:41278 -> 10.0.0.138:53 2/150 2/683",
			"Ethernet/IPv4/UDP/DNS 10.0.0.12:33823 -> 10.0.0.138:53 1/77 1/294",
			"Ethernet/IPv4/UDP/DNS 10.0.0.12:56656 -> 10.0.0.138:53 2/148 2/510",
			"Ethernet/IPv4/UDP/DNS 10.0.0.12:42992 -> 10.0.0.138:53 1/74 1/440",
			"Ethernet/IPv4/UDP/DNS 10.0.0.12:54893 -> 10.0.0.138:53 1/77 1/354",
			"Ethernet/IPv4/UDP/DNS 10.0.0.12:57048 -> 10.0.0.138:53 1/70 1/154",
		}},
		{"erspanII.pcap", whole, []string{
			"Ethernet/IPv4/GRE 2.2.2.2 -> 1.1.1.1 4/656 0/0",
			// Mirrored frames of 114 bytes; the ERSPAN header is not theirs.
			"Ethernet/IPv4/ICMPv4 23.0.0.2 -> 23.0.0.3 id 22 2/228 2/228 rtt 517000",
		}},
		{"eth-ip4-arp-dns-req-http-google.pcap", whole, []string{
			"Ethernet/ARP fa:16:3e:29:e0:82 -> ff:ff:ff:ff:ff:ff 1/42 0/0",
			"Ethernet/ARP fa:16:3e:96:06:e8 -> fa:16:3e:29:e0:82 1/42 0/0",
			"Ethernet/IPv4/UDP/DNS 192.168.0.5:37686 -> 8.8.8.8:53 2/148 2/256",
			"Ethernet/IPv4/TCP 192.168.0.5:47838 -> 173.194.40.147:80 6/516 4/760 rtt 1894000",
			"Ethernet/IPv4/UDP/DNS 192.168.0.5:33553 -> 8.8.8.8:53 2/146 2/190",
			"Ethernet/IPv4/TCP 192.168.0.5:54785 -> 216.58.211.67:80 20/1475 18/21080 rtt 2212000",
		}},
		{"geneve.pcap", whole, []string{
			"Ethernet/IPv4/ICMPv4 30.0.0.1 -> 30.0.0.2 id 10578 3/294 0/0",
			"Ethernet/IPv4/UDP/Geneve 20.0.0.1:12618 -> 20.0.0.2:6081 net 10 19/5027 0/0",
			"Ethernet/IPv4/ICMPv4 30.0.0.2 -> 30.0.0.1 id 10578 3/294 0/0",
			"Ethernet/IPv4/UDP/Geneve 20.0.0.2:50525 -> 20.0.0.1:6081 net 11 20/4253 0/0",
			"Ethernet/IPv4/TCP 30.0.0.2:51225 -> 30.0.0.1:22 17/2959 0/0",
			"Ethernet/IPv4/TCP 30.0.0.1:22 -> 30.0.0.2:51225 16/3631 0/0",
		}},
		{"gre-mpls-icmpv4.pcap", whole, []string{
			"Ethernet/IPv4/GRE/MPLS 172.16.0.1 -> 172.16.0.2 2/252 0/0",
			"IPv4/ICMPv4 172.16.0.1 -> 192.168.0.2 id 4214 2/168 0/0",
		}},
		{"icmp-vlan.pcap", whole, []string{
			"Ethernet/Dot1Q/IPv4/ICMPv4 192.168.21.2 -> 192.168.21.11 link 5 id 30122 2/204 0/0",
		}},
		// Two fragments are two packets of 1,476 bytes, as interfaces count them.
		{"ipv4-fragments.pcap", whole, []string{
			"Ethernet/IPv4/Fragment/ICMPv4 2.1.1.2 -> 2.1.1.1 id 5058 2/1476 1/1442 rtt 444000",
		}},
		{"ipv4-fragments.pcap", noDefrag, []string{
			"Ethernet/IPv4/Fragment 2.1.1.2 -> 2.1.1.1 2/1476 0/0",
			"Ethernet/IPv4/ICMPv4 2.1.1.1 -> 2.1.1.2 id 5058 1/1442 0/0",
		}},
		{"layer-key-mode.pcap", whole, []string{
			"Ethernet/IPv4/ICMPv4 192.168.0.2 -> 192.168.0.1 id 23604 1/98 1/98 rtt 13000",
			"Ethernet/IPv4/ICMPv4 192.168.0.2 -> 192.168.0.1 id 23604 1/98 1/98 rtt 12000",
		}},
		{"layer-key-mode.pcap", l3, []string{
			"Ethernet/IPv4/ICMPv4 192.168.0.2 -> 192.168.0.1 id 23604 2/196 2/196 rtt 12000",
		}},
		{"simple-tcpv4.pcap", whole, []string{
			"Ethernet/IPv4/TCP 192.168.0.2:36108 -> 192.168.0.1:3333 5/344 3/206 rtt 33000",
		}},
		{"simple-tcpv6.pcap", whole, []string{
			"Ethernet/IPv6/TCP fd49:37c8:5229::2:35294 -> fd49:37c8:5229::1:3333 3/272 2/180 rtt 28000",
		}},
		{"vxlan-icmpv4-truncated.pcap", whole, []string{
			"Ethernet/IPv4/ICMPv4 192.168.0.1 -> 192.168.0.2 id 31133 1/1066 1/1066 rtt 42000",
			"Ethernet/IPv4/UDP/VXLAN 172.16.0.1:55091 -> 172.16.0.2:4789 net 10 1/1116 1/1116",
		}},
		{"lldp-detailed.pcap", whole, []string{
			"Ethernet/LLDP 00:01:30:f9:ad:a0 -> 01:80:c2:00:00:0e 1/263 0/0",
		}},
	} {
		t.Run(fmt.Sprintf("%s/%d/%t", tc.file, tc.cfg.KeyMode, tc.cfg.Defrag), func(t *testing.T) {
			records := flowsOf(tc.cfg, readAll(t, corpus(t, tc.file)))
			var got []string
			for i := range records {
				got = append(got, line(&records[i]))
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tc.want, "\n"))
			}
			checkParents(t, records)
		})
	}
}

// checkParents checks that the flow of each tunnel is told.
func checkParents(t *testing.T, records []flowrecord.Record) {
	t.Helper()
	ids := map[flowrecord.ID]bool{{}: true}
	for i := range records {
		if ids[records[i].ID] {
			t.Errorf("two flows have the ID %s", records[i].ID)
		}
		ids[records[i].ID] = true
	}
	for i := range records {
		if !ids[records[i].ParentID] {
			t.Errorf("%s: no flow is its parent %s", line(&records[i]), records[i].ParentID)
		}
	}
}
