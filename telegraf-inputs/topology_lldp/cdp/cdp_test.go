package cdp_test

import (
	"encoding/json"
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/skein-net/skein/telegraf-inputs/topology_lldp/cdp"
	"github.com/skein-net/skein/telegraf-inputs/topology_lldp/lldptest"
)

func ptr[T any](v T) *T { return &v }

const addresses = "\x00\x00\x00\x03" +
	"\x01\x01\xcc\x00\x04\x0a\x00\x00\x01" +
	"\x02\x08\xaa\xaa\x03\x00\x00\x00\x86\xdd\x00\x10\xfe\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01" +
	"\x01\x01\x81\x00\x03\x49\x00\x01"

func TestTLVs(t *testing.T) {
	both := []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fe80::1")}
	for name, c := range map[string]struct {
		typ   uint16
		value string
		want  func(*cdp.PDU)
	}{
		"addresses":           {2, addresses, func(p *cdp.PDU) { p.Addresses = both }},
		"addresses too short": {2, addresses[:8], func(p *cdp.PDU) { p.Bad = 1 }},
		"management":          {0x16, addresses, func(p *cdp.PDU) { p.Management = both }},
		"capabilities":        {4, "\x00\x00\x00\x29", func(p *cdp.PDU) { p.HasCapabilities, p.Capabilities = true, 0x29 }},
		"capabilities short":  {4, "\x00", func(p *cdp.PDU) { p.Bad = 1 }},
		"software":            {5, "IOS\nline 2", func(p *cdp.PDU) { p.Software = "IOS\nline 2" }},
		"platform":            {6, "cisco WS", func(p *cdp.PDU) { p.Platform = "cisco WS" }},
		"prefixes":            {7, "\x0a\x00\x00\x00\x08", func(p *cdp.PDU) { p.Prefixes = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} }},
		"gateway":             {7, "\x0a\x00\x00\x01", func(p *cdp.PDU) { p.Prefixes = []netip.Prefix{netip.MustParsePrefix("10.0.0.1/0")} }},
		"prefix too long":     {7, "\x0a\x00\x00\x00\x21", func(p *cdp.PDU) { p.Bad = 1 }},
		"VTP":                 {9, "lab", func(p *cdp.PDU) { p.VTPDomain = "lab" }},
		"native VLAN":         {10, "\x00\x05", func(p *cdp.PDU) { p.NativeVLAN = ptr[uint16](5) }},
		"duplex":              {11, "\x01", func(p *cdp.PDU) { p.Duplex = ptr(true) }},
		"voice VLAN":          {14, "\x01\x00\x64", func(p *cdp.PDU) { p.VoiceVLAN = ptr[uint16](100) }},
		"power":               {16, "\x18\x9c", func(p *cdp.PDU) { p.PowerConsumption = ptr[uint16](6300) }},
		"MTU":                 {17, "\x00\x00\x05\xdc", func(p *cdp.PDU) { p.MTU = 1500 }},
		"trust":               {18, "\x01", func(p *cdp.PDU) { p.ExtendedTrust = ptr[uint8](1) }},
		"CoS":                 {19, "\x02", func(p *cdp.PDU) { p.UntrustedCOS = ptr[uint8](2) }},
		"system name":         {20, "sw", func(p *cdp.PDU) { p.SystemName = "sw" }},
		"location":            {23, "\x00here", func(p *cdp.PDU) { p.Location = "here" }},
		"external port":       {24, "x", func(p *cdp.PDU) { p.ExternalPortID = "x" }},
		"power request":       {25, "\x00\x01\x00\x02\x00\x00\x3c\x28", func(p *cdp.PDU) { p.PowerRequested = []uint32{15400} }},
		"power available":     {26, "\x00\x01\x00\x02\x00\x00\x3c\x28", func(p *cdp.PDU) { p.PowerAvailable = []uint32{15400} }},
		"unidirectional":      {27, "\x01", func(p *cdp.PDU) { p.PortUnidirection = true }},
		"unknown":             {0x1003, "\x01\xff", func(p *cdp.PDU) { p.Unknown = []cdp.Unknown{{Type: 0x1003, Value: "01ff"}} }},
		"not UTF-8":           {6, "a\xff", func(p *cdp.PDU) { p.Platform = "a\uFFFD" }},
	} {
		want := &cdp.PDU{Version: 2, TTL: 180, DeviceID: "sw1", PortID: "Gi0/1"}
		c.want(want)
		got, err := cdp.Decode(lldptest.CDPPacket("sw1", "Gi0/1", 180, lldptest.CDPTLV(c.typ, []byte(c.value)...)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !reflect.DeepEqual(got, want) {
			a, _ := json.Marshal(got)
			b, _ := json.Marshal(want)
			t.Errorf("%s:\n got %s\nwant %s", name, a, b)
		}
	}
	if got := strings.Join(cdp.Capabilities(0x29).Names(), ","); got != "Router,Switch,IGMP" {
		t.Error(got)
	}
}

func TestErrors(t *testing.T) {
	good := lldptest.CDPPacket("sw1", "Gi0/1", 180)
	for name, c := range map[string]struct {
		b    []byte
		want error
	}{
		"nothing":       {nil, cdp.ErrShort},
		"version":       {append([]byte{3}, good[1:]...), cdp.ErrVersion},
		"version 1":     {append([]byte{1}, good[1:]...), nil},
		"half a header": {append(good[:len(good):len(good)], 0, 4), cdp.ErrShort},
		"half a TLV":    {good[:len(good)-1], cdp.ErrShort},
		"length of 3":   {append(good[:len(good):len(good)], 0, 4, 0, 3), cdp.ErrShort},
		"no ID":         {[]byte{2, 180, 0, 0}, cdp.ErrNoID},
		"binary ID":     {lldptest.CDPPacket("\x00\x01\x02\x03\x04\x05", "p", 1), nil},
	} {
		p, err := cdp.Decode(c.b)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if name == "binary ID" && p != nil && p.DeviceID != "000102030405" {
			t.Errorf("device ID %q", p.DeviceID)
		}
	}
}

func seeds(f *testing.F) {
	f.Add([]byte{})
	f.Add(lldptest.CDPPacket("sw1", "Gi0/1", 180, lldptest.CDPTLV(2, []byte(addresses)...)))
	for typ := range uint16(0x20) {
		f.Add(lldptest.CDPPacket("sw1", "Gi0/1", 180, lldptest.CDPTLV(typ, 0, 0, 0, 1, 1, 1, 0xcc, 0, 4, 10, 0, 0, 1)))
	}
}

// FuzzDecode: whatever comes, what is made of it is valid text and not much
// longer than it.
func FuzzDecode(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := cdp.Decode(b)
		if err != nil {
			if p != nil {
				t.Fatal("a PDU and an error")
			}
			return
		}
		if p.DeviceID == "" || p.PortID == "" {
			t.Fatal("no ID")
		}
		text, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if !utf8.Valid(text) || len(text) > 1500+50*len(b) {
			t.Fatalf("%d bytes of %d", len(text), len(b))
		}
		for i := range b {
			b[i] = 0xa5
		}
		if again, _ := json.Marshal(p); string(again) != string(text) {
			t.Fatal("the PDU refers to the input")
		}
	})
}

// FuzzOracle compares with gopacket what both understand.
func FuzzOracle(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := cdp.Decode(b)
		if err != nil || p.Bad > 0 {
			return
		}
		pkt := gopacket.NewPacket(b, layers.LayerTypeCiscoDiscovery, gopacket.DecodeOptions{})
		l, ok := pkt.Layer(layers.LayerTypeCiscoDiscovery).(*layers.CiscoDiscovery)
		info, ok2 := pkt.Layer(layers.LayerTypeCiscoDiscoveryInfo).(*layers.CiscoDiscoveryInfo)
		if pkt.ErrorLayer() != nil || !ok || !ok2 {
			return
		}
		clean := func(s string) string { return strings.ToValidUTF8(strings.Trim(s, "\x00"), "\uFFFD") }
		if l.Version != p.Version || l.TTL != p.TTL || clean(info.Platform) != p.Platform ||
			clean(info.SysName) != p.SystemName || clean(info.VTPDomain) != p.VTPDomain || info.MTU != p.MTU ||
			p.NativeVLAN != nil && info.NativeVLAN != *p.NativeVLAN {
			t.Fatalf("%+v; gopacket %+v", p, info)
		}
	})
}
