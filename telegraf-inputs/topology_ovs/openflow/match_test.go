package openflow

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
)

func filters(r *Rule) string {
	var out []string
	for _, f := range r.Filters {
		s := f.Type + "=" + f.Value
		if f.Mask != "" {
			s += "/" + f.Mask
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

// Filters have a field's name, value and mask, in the same way in all versions
// that can say it.
func TestFiltersAreTyped(t *testing.T) {
	for _, c := range []struct {
		match, filters string
	}{
		{"in_port=1", "in_port=1"},
		{"in_port=LOCAL", "in_port=LOCAL"},
		{"tcp,nw_src=10.0.0.1,tp_src=80,tp_dst=0x1/0x1", "eth_type=0x800 ip_src=10.0.0.1 nw_proto=6 tcp_src=80 tcp_dst=1/0x1"},
		{"ip,nw_src=10.0.0.0/24", "eth_type=0x800 ip_src=10.0.0.0/255.255.255.0"},
		{"ipv6,ipv6_src=2001:db8::/32", "eth_type=0x86dd ipv6_src=2001:db8::/ffff:ffff::"},
		{"dl_dst=01:00:00:00:00:00/01:00:00:00:00:00", "eth_dst=01:00:00:00:00:00/01:00:00:00:00:00"},
		{"metadata=0xff00/0xffff00", "metadata=0xff00/0xffff00"},
		{"reg0=0x10/0xf0", "reg0=0x10/0xf0"},
		{"reg0=0x12345678,reg1=0x1", "reg0=0x12345678 reg1=0x1"},
		{"ct_state=+est+trk", "ct_state=+est+trk"},
		{"tun_flags=-oam", "tun_flags=0"},
		{"tun_metadata0=0x1200/0xff00", "tun_metadata0=0x1200/0xff00"},
		{"conj_id=7", "conj_id=7"},
		{"", ""},
	} {
		for v := V10; v <= V15; v++ {
			found := false
			for _, p := range recorded(t, v.String()+"-flows") {
				_ = DecodeFlowStats(p, func(r *Rule) error {
					if r.Match() != c.match || r.Table != 0 && c.match != "" {
						return nil
					}
					found = true
					// The order is that of the wire, which differs.
					got := strings.Fields(filters(r))
					for _, f := range strings.Fields(c.filters) {
						if !strings.Contains(" "+strings.Join(got, " ")+" ", " "+f+" ") {
							t.Errorf("%v: %s: %v has not %s", v, c.match, got, f)
						}
					}
					if len(got) != len(strings.Fields(c.filters)) {
						t.Errorf("%v: %s: %v, want %s", v, c.match, got, c.filters)
					}
					return nil
				})
			}
			if !found {
				t.Errorf("%v: no rule matches %s", v, c.match)
			}
		}
	}
}

// A match is the same text in each version but for two forms of VLANs, which 1.0
// says in another way.
func TestMatchesDoNotDependOnTheVersion(t *testing.T) {
	differ := map[string]bool{
		"vlan_tci=0x0000":        true, // from 1.1 on without the priority bits
		"vlan_tci=0x2000/0x2000": true, // a priority without a tag
	}
	known := map[string]string{}
	for _, v := range []Version{V15, V14, V13, V12, V11, V10} {
		for _, p := range recorded(t, v.String()+"-flows") {
			_ = DecodeFlowStats(p, func(r *Rule) error {
				k := fmt.Sprintf("%d/%d", r.Table, r.Priority)
				switch want, ok := known[k]; {
				case !ok:
					known[k] = r.Match()
				case r.Match() != want && !(v == V10 && differ[r.Match()]):
					t.Errorf("%v: %s matches %q, not %q", v, k, r.Match(), want)
				}
				return nil
			})
		}
	}
}

// oxmMatch makes a match of OXM fields.
func oxmMatch(fields string) []byte {
	b, err := hex.DecodeString(fields)
	if err != nil {
		panic(err)
	}
	m := []byte{0, matchOXM}
	m = binary.BigEndian.AppendUint16(m, uint16(4+len(b)))
	m = append(m, b...)
	return append(m, make([]byte, roundUp8(len(m))-len(m))...)
}

// Fields that Open vSwitch does not send, or not so.
func TestMatchesOfOthers(t *testing.T) {
	for name, c := range map[string]struct {
		fields, text, filters string
	}{
		"a field that is not known":    {"80005a0401020304", "oxm0x8000_45=0x01020304", "oxm0x8000_45=0x01020304"},
		"one with a mask":              {"80005b0401020f0f", "oxm0x8000_45=0x0102/0x0f0f", "oxm0x8000_45=0x0102/0x0f0f"},
		"an experimenter's":            {"ffff060812345678aabbccdd", "oxm0xffff_0x12345678_3=0xaabbccdd", "oxm0xffff_0x12345678_3=0xaabbccdd"},
		"a known one of another size":  {"80000a0108", "oxm0x8000_5=0x08", "oxm0x8000_5=0x08"},
		"one that is cut":              {"80000a02", "unknown=0x80000a02", "unknown=0x80000a02"},
		"fields before a cut one":      {"80000a02080680", "arp,unknown=0x80", "eth_type=0x806 unknown=0x80"},
		"a mask of nothing":            {"8000050800000000" + "00000000", "oxm0x8000_2=0x00000000/0x00000000", ""},
		"a mask of nothing, right":     {"8000051000000000000000000000000000000000", "", ""},
		"in_phy_port":                  {"80000204000000058000000400000007", "in_port=7,in_phy_port=5", "in_phy_port=5 in_port=7"},
		"a port over those of 1.0":     {"8000000400010000", "in_port_oxm=65536", "in_port_oxm=65536"},
		"provider backbone bridging":   {"80004a03000102", "pbb_isid=258", "pbb_isid=258"},
		"IPv6 extension headers":       {"80000a0286dd80004e020001", "ipv6,ipv6_exthdr=0x1", "eth_type=0x86dd ipv6_exthdr=0x1"},
		"without its prerequisite":     {"80001a020050", "tp_src=80", "tcp_src=80"},
		"an address of another family": {"80000a0286dd8000160401020304", "ipv6,ip_src=1.2.3.4", "eth_type=0x86dd ip_src=1.2.3.4"},
		"twice the same":               {"80000a02080080000a020806", "arp", "eth_type=0x806"},
		"TCP flags of the ONF": {
			"80000a0208008000140106ffff54064f4e46000012", "tcp,tcp_flags=syn|ack",
			"eth_type=0x800 nw_proto=6 tcp_flags=syn|ack",
		},
		"a register of Open vSwitch 3.7": {"ffff4008" + "00002320" + "00000005", "reg31=0x5", "reg31=0x5"},
		"a long one":                     {"800110080000000100000002", "reg16=0x1,reg17=0x2", "reg16=0x1 reg17=0x2"},
		"the longest":                    {"ffff4814" + "00002320" + "00000001000000020000000300000004", "reg28=0x1,reg29=0x2,reg30=0x3,reg31=0x4", ""},
		"fragments":                      {"80000a0208000001350201ff", "ip,nw_frag=first", "eth_type=0x800 ip_frag=first"},
	} {
		r := &Rule{}
		rest := newDecoder(V13).match(r, append(oxmMatch(c.fields), 1, 2, 3))
		if r.Match() != c.text || c.filters != "" && filters(r) != c.filters || string(rest) != "\x01\x02\x03" {
			t.Errorf("%s: %q, %q, rest %x", name, r.Match(), filters(r), rest)
		}
	}
}

// A match whose header makes no sense is kept whole.
func TestBrokenMatchIsKept(t *testing.T) {
	for in, want := range map[string]string{
		"":                 "",
		"000100":           "",
		"0001000300000000": "unknown=0x0001000300000000",
		"0001ffff00000000": "unknown=0x0001ffff00000000",
		"0007000801020304": "unknown=0x01020304",
	} {
		b, _ := hex.DecodeString(in)
		r := &Rule{}
		newDecoder(V13).match(r, b)
		if r.Match() != want {
			t.Errorf("%s: %q", in, r.Match())
		}
	}
}

// The fixed match of 1.1, which Open vSwitch never sends, but reads.
func TestFixedMatchOf11(t *testing.T) {
	for _, c := range []struct {
		want string
		set  func(b []byte, wild func(bits uint32))
	}{
		{"", func([]byte, func(uint32)) {}},
		{"in_port=5", func(b []byte, exact func(uint32)) { b[7] = 5; exact(wild11InPort) }},
		{"dl_src=00:00:00:00:00:07", func(b []byte, _ func(uint32)) { b[17] = 7; clear(b[18:24]) }},
		{"tcp,nw_src=10.0.0.0/8,nw_tos=32,tp_dst=80", func(b []byte, exact func(uint32)) {
			b[40], b[42], b[43], b[44], b[48], b[63] = 8, 32, 6, 10, 0, 80
			exact(wild11EthType | wild11TOS | wild11Proto | wild11TPDst)
		}},
		{"icmp6,icmp_type=128", func(b []byte, exact func(uint32)) {
			b[40], b[41], b[43], b[61] = 0x86, 0xdd, 58, 128
			exact(wild11EthType | wild11Proto | wild11TPSrc)
		}},
		{"arp,arp_spa=10.0.0.1,arp_op=1", func(b []byte, exact func(uint32)) {
			b[40], b[41], b[43], b[44], b[47] = 8, 6, 1, 10, 1
			clear(b[48:52])
			exact(wild11EthType | wild11Proto)
		}},
		{"mpls,mpls_label=5,mpls_tc=3", func(b []byte, exact func(uint32)) {
			b[40], b[41], b[67], b[68] = 0x88, 0x47, 5, 3
			exact(wild11EthType | wild11MPLSLabel | wild11MPLSTC)
		}},
		{"dl_vlan=10,dl_vlan_pcp=2", func(b []byte, exact func(uint32)) { b[37], b[38] = 10, 2; exact(wild11VLAN | wild11PCP) }},
		{"dl_vlan_pcp=2", func(b []byte, exact func(uint32)) {
			b[36], b[37], b[38] = 0xff, 0xfe, 2
			exact(wild11VLAN | wild11PCP)
		}},
		{"vlan_tci=0x1000/0x1000", func(b []byte, exact func(uint32)) { b[36], b[37] = 0xff, 0xfe; exact(wild11VLAN) }},
		{"vlan_tci=0x0000", func(b []byte, exact func(uint32)) { b[36], b[37] = 0xff, 0xff; exact(wild11VLAN) }},
		{"metadata=0x100/0xff00", func(b []byte, _ func(uint32)) { b[78] = 1; b[86] = 0 }},
	} {
		b := Dialect{Version: V11}.appendAnyMatch(nil)
		c.set(b, func(bits uint32) { binary.BigEndian.PutUint32(b[8:], binary.BigEndian.Uint32(b[8:])&^bits) })
		r := &Rule{}
		rest := newDecoder(V11).match(r, append(b, 9))
		if r.Match() != c.want || len(rest) != 1 {
			t.Errorf("%q, want %q, rest %x", r.Match(), c.want, rest)
		}
	}
}

// Every field has a name and a size, and its number on the wire finds it.
func TestFieldsAreWhole(t *testing.T) {
	names := map[string]bool{}
	for id := range fieldCount {
		f := id.info()
		if f.name == "" || f.oxm == "" || f.bits == 0 || names[f.name] || f.bytes*8 < f.bits && f.bytes > 0 {
			t.Errorf("field %d is %+v", id, f)
		}
		names[f.name] = true
	}
	found := map[fieldID]bool{fDLVLAN: true, fDLVLANPCP: true} // only 1.0 and 1.1 have them, without a number
	for _, class := range []uint16{classNXM0, classNXM1, classEricsson, classBasic, classRegs, classVendor} {
		for _, vendor := range []uint32{0, vendorNicira, vendorONF, vendorNSH} {
			for n := range 128 {
				if id := (oxmHeader{class: class, vendor: vendor, number: uint8(n)}).field(); id != noField {
					found[id] = true
				}
			}
		}
	}
	for id := range fieldCount {
		if !found[id] {
			t.Errorf("no number finds %s", id.info().name)
		}
	}
}

// Errors about entries say what is wrong with their lengths.
func TestBrokenEntriesAreErrors(t *testing.T) {
	for v := V10; v <= V15; v++ {
		for _, body := range []string{"00", "0003000000000000", "ffff0000", "0008000000000000"} {
			b, _ := hex.DecodeString(body)
			p := Part{Version: v, Type: statsFlow, Body: b}
			if err := DecodeFlowStats(p, func(*Rule) error { return nil }); err == nil {
				t.Errorf("%v: rules of %s", v, body)
			}
			if err := DecodeGroupStats(p, func(GroupStats) error { return nil }); err == nil {
				t.Errorf("%v: group statistics of %s", v, body)
			}
		}
		stop := fmt.Errorf("enough")
		for _, p := range recorded(t, v.String()+"-flows") {
			n := 0
			if err := DecodeFlowStats(p, func(*Rule) error { n++; return stop }); err != stop || n != 1 { //nolint:errorlint // as it is
				t.Errorf("%v: %v after %d", v, err, n)
			}
		}
	}
}
