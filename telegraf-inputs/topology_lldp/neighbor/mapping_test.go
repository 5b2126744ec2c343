package neighbor

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/telegraf-inputs/topology_lldp/cdp"
	"github.com/skein-net/skein/telegraf-inputs/topology_lldp/lldp"
	"github.com/skein-net/skein/telegraf-inputs/topology_lldp/lldptest"
)

// state returns what a table says of a neighbour.
func state(t *testing.T, n Neighbor) (sw, port entity.Event) {
	t.Helper()
	tab, r := newTable(t, 1)
	tab.Heard(eth0, &n, start)
	tab.Flush()
	for _, ev := range r.now {
		if ev.Type == entity.TypeSwitch {
			sw = ev
		} else {
			port = ev
		}
	}
	return sw, port
}

// TestSample: what Skydive's own test asks of a well-known frame.
func TestSample(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "shared", "pcaps", "lldp-detailed.pcap"))
	if err != nil {
		t.Skip("the capture lldp-detailed.pcap is not here")
	}
	p, err := lldp.Decode(b[24+16+14:])
	if err != nil {
		t.Fatal(err)
	}
	n := FromLLDP(p, false)
	if n.Hold != 2*time.Minute {
		t.Errorf("it holds %v", n.Hold)
	}
	sw, port := state(t, n)
	if !sw.Ref.Equal(entity.SwitchRef("mac:00:01:30:f9:ad:a0")) || !port.Ref.Equal(entity.SwitchPortRef("mac:00:01:30:f9:ad:a0", "ifname:1/1")) {
		t.Errorf("%v, %v", sw.Ref, port.Ref)
	}
	for what, c := range map[string]struct {
		got  entity.Attrs
		want string
	}{
		"switch": {sw.Attributes, `{"LLDP":{"Capabilities":["Bridge","Router"],"ChassisID":"00:01:30:f9:ad:a0","ChassisIDType":"MAC Address",` +
			`"Description":"Summit300-48 - Version 7.4e.1 (Build 5) by Release_Master 05/27/05 04:53:11",` +
			`"EnabledCapabilities":["Bridge","Router"],"MgmtAddress":"00:01:30:f9:ad:a0",` +
			`"MgmtAddresses":[{"Address":"00:01:30:f9:ad:a0","Family":6,"Number":1001,"Numbering":"ifindex"}],"SysName":"Summit300-48"},` +
			`"Name":"Summit300-48","Probe":"lldp","Type":"switch"}`},
		"port": {port.Attributes, `{"LLDP":{"AutoNegotiation":{"Advertised":["10BASE-T","10BASE-T full","100BASE-TX","100BASE-TX full"],` +
			`"Enabled":true,"MAU":16,"MAUName":"100BASE-TX full","Supported":true},"Description":"Summit300-48-Port 1001",` +
			`"LinkAggregation":{"Enabled":false,"PortID":0,"Supported":true},"MaxFrameSize":1522,"PPVIDs":[{"Enabled":false,"ID":0,"Supported":false}],` +
			`"PVID":488,"PortID":"1/1","PortIDType":"Interface Name",` +
			`"Power":{"Class":0,"Enabled":true,"PSE":true,"Pairs":1,"PairsControl":false,"Supported":true},` +
			`"TTL":120,"VLANNames":[{"ID":488,"Name":"v2-0488-03-0505"}]},` +
			`"MTU":1522,"Name":"Summit300-48-Port 1001","Probe":"lldp","Type":"switchport"}`},
	} {
		if got, _ := json.Marshal(entity.Map(c.got)); string(got) != c.want {
			t.Errorf("%s:\n got %s\nwant %s", what, got, c.want)
		}
	}
}

// TestEverything: an event of every TLV that there is can be carried.
func TestEverything(t *testing.T) {
	const dot1, dot3, med = "\x00\x80\xc2", "\x00\x12\x0f", "\x00\x12\xbb"
	tlvs := [][]byte{
		lldptest.TLV(8, 5, 1, 10, 0, 0, 1, 2, 0, 0, 0, 7, 3, 0x2b, 6, 1), lldptest.TLV(99, 1), lldptest.TLV(127, 1),
		lldptest.Organization(med, 1, 0, 0x33, 3), lldptest.Organization(med, 2, 1, 0x40, 0xc9, 0x6e),
		lldptest.Organization(med, 3, 1, 34<<2, 0x5c, 0, 0, 0, 34<<2|3, 0xa4, 0, 0, 0, 0x10|8, 0x40, 0, 15, 0, 1),
		lldptest.Organization(med, 3, append([]byte{2, 8, 2}, "DE\x03\x03Ulm"...)...),
		lldptest.Organization(med, 3, append([]byte{3}, "112"...)...), lldptest.Organization(med, 3, 9, 9),
		lldptest.Organization(med, 4, 0x53, 0, 65),
		lldptest.Organization(dot1, 9, 0x83, 0x01, 0x23, 0x45, 0x67, 10, 20, 30, 40, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 0, 255),
		lldptest.Organization(dot1, 10, 0, 0x01, 0x23, 0x45, 0x67, 10, 20, 30, 40, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 0, 255),
	}
	for i := range uint8(16) {
		v := []byte{3, 1, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1}
		tlvs = append(tlvs, lldptest.Organization(dot1, i, v...), lldptest.Organization(dot3, i, v...), lldptest.Organization(med, i+4, 'a', 'b', 'c'))
	}
	p, err := lldp.Decode(lldptest.PDU("c", "p", 120, tlvs...))
	if err != nil {
		t.Fatal(err)
	}
	sw, port := state(t, FromLLDP(p, false))
	for _, path := range []string{"LLDP.MgmtAddresses.OID", "LLDP.Inventory.Serial", "LLDP.MED.Class"} {
		if !has(sw, path) {
			t.Errorf("the switch has no %s", path)
		}
	}
	for _, path := range []string{
		"LLDP.DCB.ETS.Bandwidth", "LLDP.DCB.ETSRecommended.Priorities", "LLDP.DCB.PFC.Enabled", "LLDP.DCB.Congestion.Ready", "LLDP.DCB.Applications.Protocol",
		"LLDP.EVB", "LLDP.CDCP", "LLDP.EEE.Transmit", "LLDP.EthernetCapabilities", "LLDP.Power.Allocated", "LLDP.MED.Policies.VLAN", "LLDP.MED.Locations.Latitude",
		"LLDP.MED.Locations.Civic.Value", "LLDP.MED.Locations.ELIN", "LLDP.MED.Power.Value", "LLDP.Unknown.Value", "LLDP.BadTLVs", "LLDP.ManagementVID", "LLDP.VIDUsageDigest",
	} {
		if !has(port, path) {
			t.Errorf("the port has no %s", path)
		}
	}

	full, vlan, octet, watts := true, uint16(5), uint8(1), uint16(6300)
	sw, port = state(t, FromCDP(&cdp.PDU{
		Version: 2, TTL: 180, DeviceID: "d", PortID: "p", Duplex: &full, NativeVLAN: &vlan, VoiceVLAN: &vlan, ExtendedTrust: &octet, UntrustedCOS: &octet,
		PowerConsumption: &watts, PowerAvailable: []uint32{15400}, MTU: 1500, Unknown: []cdp.Unknown{{Type: 1}}, PortUnidirection: true, Truncated: true, Bad: 1,
		HasCapabilities: true, Capabilities: 9, SystemName: "name",
	}))
	if !has(sw, "CDP.Capabilities") || sw.Attributes.Get("Name").Str() != "name" || port.Attributes.Get("MTU").Int() != 1500 {
		t.Errorf("%v, %v", sw.Attributes, port.Attributes)
	}
	for _, path := range []string{"CDP.Duplex", "CDP.NativeVLAN", "CDP.VoiceVLAN", "CDP.Power.Available", "CDP.Unknown.Type", "CDP.Unidirectional"} {
		if !has(port, path) {
			t.Errorf("the port has no %s", path)
		}
	}
}

func has(ev entity.Event, path string) (found bool) {
	ev.Attributes.Lookup(path, func(entity.Value) bool { found = true; return false })
	return found
}
