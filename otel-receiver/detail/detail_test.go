package detail_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/otel-receiver/detail"
	"github.com/skein-net/skein/otel-receiver/flow"
	"github.com/skein-net/skein/otel-receiver/packet"
)

var all = detail.Layers{DNS: true, DHCPv4: true, VRRP: true}

func serialize(t testing.TB, l ...gopacket.SerializableLayer) []byte {
	t.Helper()
	b := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true}, l...); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// at returns what a path names: keys, and indexes of lists.
func at(v entity.Value, path string) entity.Value {
	for _, part := range strings.Split(path, ".") {
		var i int
		if v.Kind() == entity.KindList {
			if _, err := fmt.Sscan(part, &i); err != nil || i >= len(v.List()) {
				return entity.Value{}
			}
			v = v.List()[i]
			continue
		}
		found := entity.Value{}
		for _, a := range v.Map() {
			if a.Key == part {
				found = a.Value
			}
		}
		v = found
	}
	return v
}

type want map[string]entity.Value

func check(t *testing.T, v entity.Value, w want) {
	t.Helper()
	for path, value := range w {
		if got := at(v, path); !got.Equal(value) {
			t.Errorf("%s is %v, want %v", path, show(got), show(value))
		}
	}
}

func show(v entity.Value) string { return fmt.Sprintf("%s %q %d", v.Kind(), v.Str(), v.Int()) }

func answer() *layers.DNS {
	name := []byte("www.example.net")
	return &layers.DNS{
		ID: 4711, QR: true, RD: true, RA: true, QDCount: 1, ANCount: 5, NSCount: 1,
		Questions: []layers.DNSQuestion{{Name: name, Type: layers.DNSTypeA, Class: layers.DNSClassIN}},
		Answers: []layers.DNSResourceRecord{
			{Name: name, Type: layers.DNSTypeA, Class: layers.DNSClassIN, TTL: 60, IP: net.IPv4(192, 0, 2, 1)},
			{Name: name, Type: layers.DNSTypeAAAA, Class: layers.DNSClassIN, TTL: 61, IP: net.ParseIP("2001:db8::1")},
			{Name: name, Type: layers.DNSTypeCNAME, Class: layers.DNSClassIN, TTL: 62, CNAME: []byte("cdn.example.net")},
			{Name: name, Type: layers.DNSTypeMX, Class: layers.DNSClassIN, MX: layers.DNSMX{Preference: 10, Name: []byte("mx.example.net")}},
			{Name: name, Type: layers.DNSTypeTXT, Class: layers.DNSClassIN, TXTs: [][]byte{[]byte("one"), {0xff, 'x'}}},
		},
		Authorities: []layers.DNSResourceRecord{
			{Name: []byte("example.net"), Type: layers.DNSTypeSOA, Class: layers.DNSClassIN, SOA: layers.DNSSOA{MName: []byte("ns.example.net"), RName: []byte("root.example.net"), Serial: 7}},
		},
	}
}

func TestDNS(t *testing.T) {
	v, ok := detail.New(all).Detail(flow.KindDNS, serialize(t, answer()))
	if !ok {
		t.Fatal("no details")
	}
	check(t, v, want{
		"ID": entity.Int(4711), "QR": entity.Bool(true), "AA": entity.Bool(false), "OpCode": entity.String("Query"),
		"ResponseCode": entity.String("No Error"), "QDCount": entity.Int(1), "ANCount": entity.Int(5), "ARCount": entity.Int(0),
		"Questions.0.Name": entity.String("www.example.net"), "Questions.0.Type": entity.String("A"), "Questions.0.Class": entity.String("IN"),
		"Answers.0.IP": entity.String("192.0.2.1"), "Answers.0.TTL": entity.Int(60), "Answers.1.IP": entity.String("2001:db8::1"),
		"Answers.2.CNAME": entity.String("cdn.example.net"), "Answers.3.MX.Preference": entity.Int(10),
		"Answers.4.TXTs.0": entity.String("one"), "Answers.4.TXTs.1": entity.String("\uFFFDx"),
		"Authorities.0.SOA.Serial": entity.Int(7), "Authorities.0.SOA.MName": entity.String("ns.example.net"),
		"Additionals": {},
	})
}

// TestDNSCut tells what is in the part of an answer that was captured.
func TestDNSCut(t *testing.T) {
	b := serialize(t, answer())
	v, ok := detail.New(all).Detail(flow.KindDNS, b[:80])
	if !ok {
		t.Fatal("no details")
	}
	check(t, v, want{"ANCount": entity.Int(5), "Answers.0.IP": entity.String("192.0.2.1"), "Answers.4": {}})
	for n := range 30 {
		if v, ok := detail.New(all).Detail(flow.KindDNS, b[:n]); ok {
			t.Errorf("%d bytes give %v", n, v.Map())
		}
	}
}

func TestDHCPv4(t *testing.T) {
	v, ok := detail.New(all).Detail(flow.KindDHCPv4, serialize(t, &layers.DHCPv4{
		Operation: layers.DHCPOpReply, HardwareType: layers.LinkTypeEthernet, HardwareLen: 6, Xid: 0xcafe, Secs: 3, Flags: 0x8000,
		ClientIP: net.IPv4zero, YourClientIP: net.IPv4(192, 0, 2, 7), NextServerIP: net.IPv4zero, RelayAgentIP: net.IPv4zero,
		ClientHWAddr: net.HardwareAddr{2, 0, 0, 0, 0, 1}, ServerName: []byte("boot"), File: []byte("image"),
		Options: layers.DHCPOptions{
			layers.NewDHCPOption(layers.DHCPOptMessageType, []byte{byte(layers.DHCPMsgTypeAck)}),
			layers.NewDHCPOption(layers.DHCPOptHostname, []byte("guest")),
			layers.NewDHCPOption(layers.DHCPOptHostname, []byte("again")),
			layers.NewDHCPOption(layers.DHCPOptLeaseTime, []byte{0, 0, 14, 16}),
		},
	}))
	if !ok {
		t.Fatal("no details")
	}
	check(t, v, want{
		"Xid": entity.Int(0xcafe), "Secs": entity.Int(3), "Flags": entity.Int(0x8000), "HardwareLen": entity.Int(6),
		"YourClientIP": entity.String("192.0.2.7"), "ServerName": entity.String("boot"), "File": entity.String("image"),
		"ClientHWAddr": entity.String("02:00:00:00:00:01"), "MessageType": entity.String("ACK"), "HostName": entity.String("guest"), "LeaseTime": entity.Int(3600),
	})
}

func TestVRRPv2(t *testing.T) {
	b := []byte{0x21, 7, 100, 1, 0, 1, 0x12, 0x34, 192, 0, 2, 1}
	v, ok := detail.New(all).Detail(flow.KindVRRPv2, b)
	if !ok {
		t.Fatal("no details")
	}
	check(t, v, want{
		"Version": entity.Int(2), "VirtualRtrID": entity.Int(7), "Priority": entity.Int(100), "CountIPAddr": entity.Int(1),
		"AdverInt": entity.Int(1), "Checksum": entity.Int(0x1234), "IPAddresses.0": entity.String("192.0.2.1"),
	})
	b[0] = 0x31
	if _, ok := detail.New(all).Detail(flow.KindVRRPv2, b); ok {
		t.Error("version 3 was explained as version 2")
	}
}

func TestParseLayers(t *testing.T) {
	l, err := detail.ParseLayers([]string{"DNS", "vrrp"})
	if err != nil || l != (detail.Layers{DNS: true, VRRP: true}) {
		t.Errorf("got %+v, %v", l, err)
	}
	d := detail.New(l)
	if !l.Any() || !d.Wants(flow.KindDNS) || d.Wants(flow.KindDHCPv4) || !d.Wants(flow.KindVRRPv2) || d.Wants(flow.KindNone) {
		t.Error("Wants does not say what was asked for")
	}
	if _, err := detail.ParseLayers([]string{"http"}); err == nil {
		t.Error("http was taken")
	}
	if (detail.Layers{}).Any() {
		t.Error("nothing is something")
	}
}

// TestCorpus explains the DNS flows of a capture that is shared beside the
// repository.
func TestCorpus(t *testing.T) {
	f, err := os.Open(filepath.Join("..", "..", "..", "shared", "pcaps", "dns.pcap"))
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("the shared captures are not here")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := pcapgo.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	table, d, p := flow.New(flow.Config{}, flow.Place{}, detail.New(all)), packet.New(), new(packet.Packet)
	for {
		data, ci, err := r.ReadPacketData()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		d.Decode(p, packet.LinkType(r.LinkType()), data, ci.Length)
		table.Add(p, data, ci.Timestamp.UnixNano())
	}
	got := map[uint16]entity.Value{}
	table.Flush(0, flowrecord.FinishStopped, func(r *flowrecord.Record) { got[r.TransportA] = r.DNS })

	i, s := func(n int64) entity.Value { return entity.Int(n) }, entity.String
	for port, w := range map[uint16]want{
		41278: {"ID": i(38125), "Questions.0.Name": s("c.go-mpulse.net"), "Questions.0.Type": s("AAAA"), "ANCount": i(2), "NSCount": i(1), "ARCount": i(0),
			"Answers.0.TTL": i(728), "Answers.1.CNAME": s("e4518.x.akamaiedge.net"), "Answers.1.TTL": i(2924), "Authorities.0.SOA.Serial": i(1559791419)},
		33823: {"ID": i(40590), "Questions.0.Name": s("fedoraproject.org"), "Questions.0.Type": s("AAAA"), "ANCount": i(2), "NSCount": i(3), "ARCount": i(5)},
		56656: {"ID": i(28799), "Questions.0.Name": s("ipv4.adrta.com"), "ANCount": i(0), "NSCount": i(1), "Authorities.0.SOA.MName": s("ns-615.awsdns-12.net")},
		54893: {"ID": i(27181), "Questions.0.Type": s("A"), "ANCount": i(9), "NSCount": i(3), "ARCount": i(4), "Answers.0.TTL": i(44), "Answers.8.TTL": i(44), "Answers.9": {}},
		42992: {"ID": i(43789), "Questions.0.Name": s("www.github.com"), "ANCount": i(2), "NSCount": i(8), "ARCount": i(6),
			"Answers.0.CNAME": s("github.com"), "Answers.1.IP": s("140.82.118.4")},
		57048: {"ID": i(64755), "Questions.0.Name": s("github.com"), "ANCount": i(0), "NSCount": i(1), "Authorities.0.SOA.MName": s("ns-1707.awsdns-21.co.uk")},
	} {
		t.Run(fmt.Sprint(port), func(t *testing.T) {
			for k, v := range map[string]entity.Value{
				"QR": entity.Bool(true), "RD": entity.Bool(true), "RA": entity.Bool(true), "AA": entity.Bool(false), "TC": entity.Bool(false),
				"OpCode": s("Query"), "ResponseCode": s("No Error"), "QDCount": i(1),
			} {
				w[k] = v
			}
			check(t, got[port], w)
		})
	}
}

// FuzzDetail looks for messages that make details of invalid strings or too
// many of them.
func FuzzDetail(f *testing.F) {
	f.Add(uint8(flow.KindDNS), serialize(f, answer()))
	f.Add(uint8(flow.KindVRRPv2), []byte{0x21, 7, 100, 1, 0, 1, 0x12, 0x34, 192, 0, 2, 1})
	f.Add(uint8(flow.KindDHCPv4), serialize(f, &layers.DHCPv4{Operation: 1, HardwareLen: 6, ClientHWAddr: make([]byte, 6),
		ClientIP: net.IPv4zero, YourClientIP: net.IPv4zero, NextServerIP: net.IPv4zero, RelayAgentIP: net.IPv4zero}))
	d := detail.New(all)
	f.Fuzz(func(t *testing.T, kind uint8, payload []byte) {
		if len(payload) > 1500 {
			return
		}
		v, ok := d.Detail(flow.Kind(kind), payload)
		if !ok {
			if !v.IsZero() {
				t.Error("no details, but a value")
			}
			return
		}
		if v.Kind() != entity.KindMap {
			t.Fatalf("details are a %s", v.Kind())
		}
		valid(t, v, 0)
	})
}

func valid(t *testing.T, v entity.Value, depth int) {
	t.Helper()
	if depth > 5 {
		t.Error("too deep")
	}
	if s := v.Str(); !utf8.ValidString(s) || len(s) > 3*255 {
		t.Errorf("invalid string %q", s)
	}
	if len(v.List()) > 64 {
		t.Errorf("a list of %d", len(v.List()))
	}
	for _, e := range v.List() {
		valid(t, e, depth+1)
	}
	last := ""
	for i, a := range v.Map() {
		if i > 0 && a.Key <= last {
			t.Errorf("keys %q, %q", last, a.Key)
		}
		last = a.Key
		valid(t, a.Value, depth+1)
	}
}
