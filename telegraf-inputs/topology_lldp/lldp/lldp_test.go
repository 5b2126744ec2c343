package lldp_test

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/skein-net/skein/telegraf-inputs/topology_lldp/lldp"
	"github.com/skein-net/skein/telegraf-inputs/topology_lldp/lldptest"
)

const (
	dot1 = "\x00\x80\xc2"
	dot3 = "\x00\x12\x0f"
	med  = "\x00\x12\xbb"
)

func ptr[T any](v T) *T { return &v }

func TestIDs(t *testing.T) {
	const mac = "\x00\x01\x30\xf9\xad\xa0"
	for _, c := range []struct{ chassis, port, wantChassis, wantPort string }{
		{"\x04" + mac, "\x03" + mac, "mac:00:01:30:f9:ad:a0", "mac:00:01:30:f9:ad:a0"},
		{"\x05\x01\x0a\x00\x00\x01", "\x04\x01\x0a\x00\x00\x01", "ip:10.0.0.1", "ip:10.0.0.1"},
		{"\x05\x02\xfe\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01", "\x05eth0", "ip:fe80::1", "ifname:eth0"},
		{"\x05\x01\x0a\x00", "\x05eth0\x00", "ip:0a00", "ifname:eth0"},
		{"\x01chassis", "\x01alias", "component:chassis", "ifalias:alias"},
		{"\x02alias", "\x02slot 3", "ifalias:alias", "port:slot 3"},
		{"\x03port", "\x06circuit", "port:port", "circuit:circuit"},
		{"\x06lo", "\x07local", "ifname:lo", "local:local"},
		{"\x07x", "\x07\x00\x00\x00\x07", "local:x", "local:00000007"},
		{"\x00x", "\x09\xff\xfe", "subtype-0:x", "subtype-9:fffe"},
	} {
		b := append(lldptest.TLV(1, []byte(c.chassis)...), lldptest.TLV(2, []byte(c.port)...)...)
		p, err := lldp.Decode(append(b, lldptest.TLV(3, 0, 9)...))
		if err != nil {
			t.Errorf("%q, %q: %v", c.chassis, c.port, err)
			continue
		}
		if p.Chassis.String() != c.wantChassis || p.Port.String() != c.wantPort || p.TTL != 9 {
			t.Errorf("%q, %q: %s, %s, %d", c.chassis, c.port, p.Chassis, p.Port, p.TTL)
		}
	}
}

func TestErrors(t *testing.T) {
	chassis, port, ttl := lldptest.Text(1, "c", 7), lldptest.Text(2, "p", 7), lldptest.TLV(3, 0, 120)
	join := func(tlvs ...[]byte) (out []byte) {
		for _, t := range tlvs {
			out = append(out, t...)
		}
		return out
	}
	for name, c := range map[string]struct {
		b    []byte
		want error
	}{
		"nothing":         {nil, lldp.ErrMandatory},
		"no port":         {chassis, lldp.ErrMandatory},
		"order":           {join(port, chassis, ttl), lldp.ErrMandatory},
		"twice":           {join(chassis, port, ttl, chassis), lldp.ErrMandatory},
		"end too early":   {join(chassis, port, lldptest.TLV(0)), lldp.ErrMandatory},
		"half a header":   {join(chassis, port, ttl, []byte{8}), lldp.ErrShort},
		"half a TLV":      {join(chassis, port, ttl, lldptest.Text(4, "abc")[:4]), lldp.ErrShort},
		"half a chassis":  {chassis[:3], lldp.ErrShort},
		"empty chassis":   {join(lldptest.TLV(1, 7), port, ttl), lldp.ErrID},
		"long chassis":    {join(lldptest.TLV(1, append([]byte{7}, make([]byte, 256)...)...), port, ttl), lldp.ErrID},
		"chassis of zero": {join(lldptest.TLV(1, 5, 1), port, ttl), lldp.ErrID},
		"short TTL":       {join(chassis, port, lldptest.TLV(3, 1)), lldp.ErrID},
		"no end":          {join(chassis, port, ttl), nil},
		"padding":         {join(chassis, port, ttl, lldptest.TLV(0), []byte("\xff\xff\xff")), nil},
		"shutdown":        {join(chassis, port, lldptest.TLV(3, 0, 0), []byte("\xff\xff\xff")), nil},
	} {
		if _, err := lldp.Decode(c.b); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// TestTLVs decodes one TLV each behind the mandatory ones.
func TestTLVs(t *testing.T) {
	base := func(change func(*lldp.PDU)) *lldp.PDU {
		p := &lldp.PDU{Chassis: lldp.ID{Subtype: 7, Kind: "local", Text: "c"}, Port: lldp.ID{Subtype: 5, Kind: "ifname", Text: "p"}, TTL: 120}
		change(p)
		return p
	}
	for name, c := range map[string]struct {
		tlv  []byte
		want *lldp.PDU
	}{
		"description": {lldptest.Text(4, "up\x00"), base(func(p *lldp.PDU) { p.PortDescription = "up" })},
		"not UTF-8":   {lldptest.Text(5, "a\xff"), base(func(p *lldp.PDU) { p.SystemName = "a\uFFFD" })},
		"capabilities": {lldptest.TLV(7, 0, 0x14, 0, 0x04), base(func(p *lldp.PDU) {
			p.HasCapabilities, p.Capable, p.Enabled = true, 0x14, 4
		})},
		"management": {
			lldptest.TLV(8, 5, 1, 10, 0, 0, 1, 2, 0, 0, 0, 7, 9, 0x2b, 6, 1, 4, 1, 0x81, 0x80, 0, 1),
			base(func(p *lldp.PDU) {
				p.Management = []lldp.Management{{Family: 1, Address: "10.0.0.1", Numbering: "ifindex", Number: 7, OID: "1.3.6.1.4.1.16384.1"}}
			}),
		},
		"management without OID": {lldptest.TLV(8, 3, 16, 'd', 'n', 3, 0, 0, 0, 9, 0), base(func(p *lldp.PDU) {
			p.Management = []lldp.Management{{Family: 16, Address: "646e", Numbering: "port", Number: 9}}
		})},
		"management too short": {lldptest.TLV(8, 5, 1, 10, 0, 0, 1, 2, 0), base(func(p *lldp.PDU) { p.Bad = 1 })},
		"OID too long":         {lldptest.TLV(8, 2, 1, 10, 2, 0, 0, 0, 7, 3, 1), base(func(p *lldp.PDU) { p.Bad = 1 })},
		"reserved type":        {lldptest.TLV(99, 1, 2), base(func(p *lldp.PDU) { p.Unknown = []lldp.Unknown{{Type: 99, Value: "0102"}} })},
		"organization":         {lldptest.Organization("\x00\x0e\xcf", 5, 9), base(func(p *lldp.PDU) { p.Unknown = []lldp.Unknown{{Type: 127, OUI: "00:0e:cf", Subtype: 5, Value: "09"}} })},
		"unknown of 802.1":     {lldptest.Organization(dot1, 200), base(func(p *lldp.PDU) { p.Unknown = []lldp.Unknown{{Type: 127, OUI: "00:80:c2", Subtype: 200}} })},
		"no organization":      {lldptest.TLV(127, 1, 2, 3), base(func(p *lldp.PDU) { p.Bad = 1 })},

		"PVID":            {lldptest.Organization(dot1, 1, 1, 0xe8), base(func(p *lldp.PDU) { p.Dot1.PVID = ptr[uint16](488) })},
		"PVID too short":  {lldptest.Organization(dot1, 1, 1), base(func(p *lldp.PDU) { p.Bad = 1 })},
		"PPVID":           {lldptest.Organization(dot1, 2, 6, 0, 5), base(func(p *lldp.PDU) { p.Dot1.PPVIDs = []lldp.PPVID{{Supported: true, Enabled: true, ID: 5}} })},
		"VLAN name":       {lldptest.Organization(dot1, 3, 0, 9, 2, 'a', 'b'), base(func(p *lldp.PDU) { p.Dot1.VLANs = []lldp.VLAN{{ID: 9, Name: "ab"}} })},
		"VLAN name short": {lldptest.Organization(dot1, 3, 0, 9, 3, 'a', 'b'), base(func(p *lldp.PDU) { p.Bad = 1 })},
		"protocol":        {lldptest.Organization(dot1, 4, 2, 0x88, 0xcc), base(func(p *lldp.PDU) { p.Dot1.Protocols = []string{"88cc"} })},
		"digest":          {lldptest.Organization(dot1, 5, 0, 0, 1, 0), base(func(p *lldp.PDU) { p.Dot1.VIDUsageDigest = ptr[uint32](256) })},
		"management VID":  {lldptest.Organization(dot1, 6, 0, 7), base(func(p *lldp.PDU) { p.Dot1.ManagementVID = ptr[uint16](7) })},
		"aggregation": {lldptest.Organization(dot1, 7, 3, 0, 0, 0, 8), base(func(p *lldp.PDU) {
			p.Dot1.LinkAggregation = &lldp.LinkAggregation{Supported: true, Enabled: true, PortID: 8}
		})},
		"congestion": {lldptest.Organization(dot1, 8, 3, 1), base(func(p *lldp.PDU) { p.Dot1.Congestion = &lldp.Congestion{Supported: 3, Ready: 1} })},
		"ETS": {
			lldptest.Organization(dot1, 9, 0x83, 0x01, 0x23, 0x45, 0x67, 10, 20, 30, 40, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 0, 255),
			base(func(p *lldp.PDU) {
				p.Dot1.ETS = &lldp.ETS{
					Willing: true, Classes: 3, Priorities: [8]uint8{0, 1, 2, 3, 4, 5, 6, 7},
					Bandwidth: [8]uint8{10, 20, 30, 40}, Algorithms: [8]uint8{2, 2, 0, 0, 0, 0, 0, 255},
				}
			}),
		},
		"ETS too short": {lldptest.Organization(dot1, 10, 1, 2, 3), base(func(p *lldp.PDU) { p.Bad = 1 })},
		"PFC": {lldptest.Organization(dot1, 11, 0xc8, 0x09), base(func(p *lldp.PDU) {
			p.Dot1.PFC = &lldp.PFC{Willing: true, MACsecBypass: true, Capability: 8, Enabled: 9}
		})},
		"applications": {lldptest.Organization(dot1, 12, 0, 0x61, 0x89, 0x06), base(func(p *lldp.PDU) {
			p.Dot1.Applications = []lldp.Application{{Priority: 3, Selector: 1, Protocol: 0x8906}}
		})},

		"PHY": {lldptest.Organization(dot3, 1, 3, 0x6c, 0x01, 0, 30), base(func(p *lldp.PDU) {
			p.Dot3.PHY = &lldp.PHY{Supported: true, Enabled: true, Advertised: 0x6c01, MAU: 30, MAUName: "1000BASE-T full"}
		})},
		"power": {lldptest.Organization(dot3, 2, 7, 1, 4), base(func(p *lldp.PDU) {
			p.Dot3.Power = &lldp.Power{PSE: true, Supported: true, Enabled: true, Pairs: 1, Class: 4}
		})},
		"power of 802.3at": {lldptest.Organization(dot3, 2, 7, 1, 4, 0x52, 0, 130, 0, 120), base(func(p *lldp.PDU) {
			p.Dot3.Power = &lldp.Power{
				PSE: true, Supported: true, Enabled: true, Pairs: 1, Class: 4, HasDLL: true,
				Type: 1, Source: 1, Priority: 2, Requested: 130, Allocated: 120,
			}
		})},
		"old aggregation": {lldptest.Organization(dot3, 3, 1, 0, 0, 0, 0), base(func(p *lldp.PDU) { p.Dot3.LinkAggregation = &lldp.LinkAggregation{Supported: true} })},
		"frame size":      {lldptest.Organization(dot3, 4, 5, 0xf2), base(func(p *lldp.PDU) { p.Dot3.MaxFrameSize = 1522 })},
		"EEE": {lldptest.Organization(dot3, 5, 0, 17, 0, 18, 0, 19, 0, 20, 0, 21), base(func(p *lldp.PDU) {
			p.Dot3.EEE = &lldp.EEE{Transmit: 17, Receive: 18, Fallback: 19, EchoTransmit: 20, EchoReceive: 21}
		})},

		"MED": {lldptest.Organization(med, 1, 0, 0x33, 3), base(func(p *lldp.PDU) { p.MED.Capabilities = &lldp.MEDCapabilities{Capable: 0x33, Class: 3} })},
		"policy": {lldptest.Organization(med, 2, 1, 0x40, 0xc9, 0x6e), base(func(p *lldp.PDU) {
			p.MED.Policies = []lldp.Policy{{Application: 1, Tagged: true, VLAN: 100, Priority: 5, DSCP: 46}}
		})},
		"coordinates": {
			lldptest.Organization(med, 3, 1, 34<<2, 0x5c, 0, 0, 0, 34<<2|3, 0xa4, 0, 0, 0, 0x10|8, 0x40, 0, 15, 0, 1),
			base(func(p *lldp.PDU) {
				p.MED.Locations = []lldp.Location{{Format: 1, Latitude: 46, Longitude: -46, Altitude: 15, AltitudeType: 1}}
			}),
		},
		"civic": {lldptest.Organization(med, 3, append([]byte{2, 8, 2}, "DE\x03\x03Ulm"...)...), base(func(p *lldp.PDU) {
			p.MED.Locations = []lldp.Location{{Format: 2, Country: "DE", Civic: []lldp.CivicElement{{Type: 3, Value: "Ulm"}}}}
		})},
		"civic too short": {lldptest.Organization(med, 3, append([]byte{2, 8, 2}, "DE\x03\x04Ulm"...)...), base(func(p *lldp.PDU) { p.Bad = 1 })},
		"ELIN":            {lldptest.Organization(med, 3, append([]byte{3}, "112"...)...), base(func(p *lldp.PDU) { p.MED.Locations = []lldp.Location{{Format: 3, ELIN: "112"}} })},
		"MED power":       {lldptest.Organization(med, 4, 0x53, 0, 65), base(func(p *lldp.PDU) { p.MED.Power = &lldp.MEDPower{Type: 1, Source: 1, Priority: 3, Value: 65} })},
		"inventory":       {lldptest.Organization(med, 8, []byte("S/N 1")...), base(func(p *lldp.PDU) { p.MED.Inventory.Serial = "S/N 1" })},
	} {
		got, err := lldp.Decode(lldptest.PDU("c", "p", 120, c.tlv))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !reflect.DeepEqual(got, c.want) {
			a, _ := json.Marshal(got)
			b, _ := json.Marshal(c.want)
			t.Errorf("%s:\n got %s\nwant %s", name, a, b)
		}
	}
}

func TestNames(t *testing.T) {
	if got := strings.Join(lldp.Capabilities(0x14).Names(), ","); got != "Bridge,Router" {
		t.Error(got)
	}
	if got := strings.Join(lldp.MEDSet(0x21).Names(), ","); got != "Capabilities,Inventory" {
		t.Error(got)
	}
	if got := strings.Join((&lldp.PHY{Advertised: 0x2001}).AdvertisedNames(), ","); got != "10BASE-T full,1000BASE-T full" {
		t.Error(got)
	}
	if got := (&lldp.Policy{Application: 1}).ApplicationName() + (&lldp.Policy{Application: 99}).ApplicationName(); got != "Voice99" {
		t.Error(got)
	}
}

// sample returns the payload of the frame of a well-known capture, where it is.
func sample(t testing.TB) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "shared", "pcaps", "lldp-detailed.pcap"))
	if err != nil {
		t.Skip("the capture lldp-detailed.pcap is not here")
	}
	// A header of 24 bytes, one of 16 of the frame, one of 14 of Ethernet.
	return b[24+16+14:]
}

func TestSample(t *testing.T) {
	p, err := lldp.Decode(sample(t))
	if err != nil {
		t.Fatal(err)
	}
	want := &lldp.PDU{
		Chassis: lldp.ID{Subtype: 4, Kind: "mac", Text: "00:01:30:f9:ad:a0"},
		Port:    lldp.ID{Subtype: 5, Kind: "ifname", Text: "1/1"},
		TTL:     120, PortDescription: "Summit300-48-Port 1001", SystemName: "Summit300-48",
		SystemDescription: "Summit300-48 - Version 7.4e.1 (Build 5) by Release_Master 05/27/05 04:53:11",
		HasCapabilities:   true, Capable: 0x14, Enabled: 0x14,
		Management: []lldp.Management{{Family: 6, Address: "00:01:30:f9:ad:a0", Numbering: "ifindex", Number: 1001}},
		Dot1: lldp.Dot1{
			PVID: ptr[uint16](488), PPVIDs: []lldp.PPVID{{}}, VLANs: []lldp.VLAN{{ID: 488, Name: "v2-0488-03-0505"}},
		},
		Dot3: lldp.Dot3{
			Power:           &lldp.Power{PSE: true, Supported: true, Enabled: true, Pairs: 1},
			PHY:             &lldp.PHY{Supported: true, Enabled: true, Advertised: 0x6c00, MAU: 16, MAUName: "100BASE-TX full"},
			LinkAggregation: &lldp.LinkAggregation{Supported: true}, MaxFrameSize: 1522,
		},
	}
	if !reflect.DeepEqual(p, want) {
		a, _ := json.Marshal(p)
		b, _ := json.Marshal(want)
		t.Errorf("\n got %s\nwant %s", a, b)
	}
}

func seeds(f *testing.F) {
	f.Add([]byte{})
	f.Add(lldptest.PDU("c", "p", 0))
	f.Add(lldptest.PDU("c", "p", 120, lldptest.Text(4, "up"), lldptest.Text(5, "name"), lldptest.TLV(7, 0, 0x14, 0, 4),
		lldptest.TLV(8, 5, 1, 10, 0, 0, 1, 2, 0, 0, 0, 7, 3, 0x2b, 6, 1), lldptest.TLV(99, 1)))
	for subtype := range uint8(15) {
		v := []byte{2, 8, 2, 'D', 'E', 3, 3, 'U', 'l', 'm', 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
		f.Add(lldptest.PDU("c", "p", 120, lldptest.Organization(dot1, subtype, v...), lldptest.Organization(dot3, subtype, v...),
			lldptest.Organization(med, subtype, v...)))
	}
}

// FuzzDecode: whatever comes, what is made of it is valid text and not much
// longer than it, and what comes behind the end does not matter.
func FuzzDecode(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		keep := append([]byte(nil), b...)
		p, err := lldp.Decode(b)
		if string(keep) != string(b) {
			t.Fatal("the input was changed")
		}
		if err != nil {
			if p != nil {
				t.Fatal("a PDU and an error")
			}
			return
		}
		if p.Chassis.Text == "" || p.Port.Text == "" || p.Chassis.Kind == "" || p.Port.Kind == "" {
			t.Fatalf("IDs %q, %q", p.Chassis, p.Port)
		}
		text, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		// The empty PDU is some 800 bytes of JSON, an entry of a list at most 200.
		if !utf8.Valid(text) || len(text) > 2000+100*len(b) {
			t.Fatalf("%d bytes of %d", len(text), len(b))
		}
		for i := range b {
			b[i] = 0xa5
		}
		if again, _ := json.Marshal(p); string(again) != string(text) {
			t.Fatal("the PDU refers to the input")
		}
		if more, err := lldp.Decode(append(keep, 0, 0, 1, 2, 3)); p.TTL > 0 && err == nil && !reflect.DeepEqual(more, p) {
			t.Fatal("what is behind the end was read")
		}
	})
}

// FuzzOracle compares with gopacket what both understand.
func FuzzOracle(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := lldp.Decode(b)
		if err != nil || p.TTL == 0 || p.Bad > 0 {
			return
		}
		pkt := gopacket.NewPacket(b, layers.LayerTypeLinkLayerDiscovery, gopacket.DecodeOptions{SkipDecodeRecovery: false})
		if pkt.ErrorLayer() != nil {
			return // it is stricter in places
		}
		l, ok := pkt.Layer(layers.LayerTypeLinkLayerDiscovery).(*layers.LinkLayerDiscovery)
		info, ok2 := pkt.Layer(layers.LayerTypeLinkLayerDiscoveryInfo).(*layers.LinkLayerDiscoveryInfo)
		if !ok || !ok2 {
			return
		}
		clean := func(s string) string { return strings.ToValidUTF8(strings.Trim(s, "\x00"), "\uFFFD") }
		if uint8(l.ChassisID.Subtype) != p.Chassis.Subtype || uint8(l.PortID.Subtype) != p.Port.Subtype || l.TTL != p.TTL {
			t.Fatalf("%+v; gopacket %+v", p, l)
		}
		// Of several of a kind gopacket keeps the last.
		if n := count(b, 4); n == 1 && p.PortDescription != clean(info.PortDescription) {
			t.Fatalf("%q; gopacket %q", p.PortDescription, info.PortDescription)
		}
		if n := count(b, 5); n == 1 && p.SystemName != clean(info.SysName) {
			t.Fatalf("%q; gopacket %q", p.SystemName, info.SysName)
		}
		if d, err := info.Decode8021(); err == nil && count(b, 127) == 1 && p.Dot1.PVID != nil && d.PVID != *p.Dot1.PVID {
			t.Fatalf("%d; gopacket %d", *p.Dot1.PVID, d.PVID)
		}
		if d, err := info.Decode8023(); err == nil && count(b, 127) == 1 && d.MTU != p.Dot3.MaxFrameSize {
			t.Fatalf("%d; gopacket %d", p.Dot3.MaxFrameSize, d.MTU)
		}
	})
}

// count returns how many TLVs of a type there are up to the end.
func count(b []byte, typ uint8) (n int) {
	for len(b) >= 2 {
		h := binary.BigEndian.Uint16(b)
		size := 2 + int(h&0x1ff)
		if h>>9 == 0 || size > len(b) {
			break
		}
		if uint8(h>>9) == typ {
			n++
		}
		b = b[size:]
	}
	return n
}

func BenchmarkDecode(b *testing.B) {
	pdu := lldptest.PDU("c", "p", 120, lldptest.Text(4, "up"), lldptest.Text(5, "name"), lldptest.Organization(dot1, 1, 0, 5))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := lldp.Decode(pdu); err != nil {
			b.Fatal(err)
		}
	}
}
