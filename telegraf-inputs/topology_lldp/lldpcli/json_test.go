package lldpcli

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/telegraf-inputs/topology_lldp/neighbor"
)

// TestRecorded parses what lldpd 1.0.16 says of three neighbours: the frame that
// is well known from Wireshark's samples, a phone and a device that speaks CDP.
func TestRecorded(t *testing.T) {
	text, err := os.ReadFile("testdata/neighbors.json")
	if err != nil {
		t.Fatal(err)
	}
	all, err := parse(text)
	if err != nil {
		t.Fatal(err)
	}
	type want struct{ protocol, chassis, port, name, sw, swport string }
	for i, w := range []want{
		{
			neighbor.LLDP, "mac:00:01:30:f9:ad:a0", "ifname:1/1", "Summit300-48-Port 1001",
			`{"Capabilities":["Bridge","Router"],"ChassisID":"00:01:30:f9:ad:a0","ChassisIDType":"MAC Address",` +
				`"Description":"Summit300-48 - Version 7.4e.1 (Build 5) by Release_Master 05/27/05 04:53:11",` +
				`"EnabledCapabilities":["Bridge","Router"],"SysName":"Summit300-48"}`,
			`{"AutoNegotiation":{"Advertised":["10BASE-T","10BASE-T full","100BASE-TX","100BASE-TX full"],"Enabled":true,"MAU":16,"MAUName":"100BASE-TX full","Supported":true},` +
				`"Description":"Summit300-48-Port 1001","MaxFrameSize":1522,"PPVIDs":[{"Enabled":false,"ID":0,"Supported":false}],"PVID":488,"PortID":"1/1","PortIDType":"Interface Name",` +
				`"Power":{"Class":0,"Enabled":true,"PSE":true,"Pairs":1,"PairsControl":false,"Supported":true},"TTL":120,"VLANNames":[{"ID":488,"Name":"v2-0488-03-0505"}]}`,
		},
		{
			neighbor.LLDP, "local:phone", "ifname:p1", "wall",
			`{"Capabilities":["Bridge","Telephone"],"ChassisID":"phone","ChassisIDType":"Local","EnabledCapabilities":["Telephone"],` +
				`"Inventory":{"Firmware":"fw","Hardware":"hw","Manufacturer":"maker","Model":"model","Serial":"S/N 1","Software":"sw"},` +
				`"MED":{"Capabilities":["Capabilities","Policy","MDI/PD","Inventory"],"Class":3},"MgmtAddress":"10.0.0.1",` +
				`"MgmtAddresses":[{"Address":"10.0.0.1","Family":1,"Number":7,"Numbering":"ifindex"}],"SysName":"phone"}`,
			`{"AutoNegotiation":{"Advertised":["10BASE-T","10BASE-T full","100BASE-TX","100BASE-TX full","1000BASE-T full"],"Enabled":true,"MAU":30,"MAUName":"1000BASE-T full","Supported":true},` +
				`"Description":"wall","LinkAggregation":{"Enabled":true,"PortID":9,"Supported":true},` +
				`"MED":{"Policies":[{"Application":"Voice","DSCP":46,"Priority":5,"Tagged":true,"Unknown":false,"VLAN":100}],"Power":{"Priority":0,"Source":0,"Type":1,"Value":6.5}},` +
				`"MaxFrameSize":1500,"PPVIDs":[{"Enabled":true,"ID":6,"Supported":true}],"PVID":5,"PortID":"p1","PortIDType":"Interface Name",` +
				`"Power":{"Class":4,"Enabled":true,"PSE":true,"Pairs":1,"PairsControl":false,"Supported":true},"ProtocolIdentities":["88cc"],"TTL":120,` +
				`"Unknown":[{"OUI":"00:0e:cf","Subtype":5,"Type":127,"Value":"09ab"}],"VLANNames":[{"ID":5,"Name":"v5"}]}`,
		},
		{
			neighbor.CDP, "cdp:core-2", "cdp:Gi0/2", "Gi0/2",
			`{"Capabilities":["Router","Transparent Bridge"],"DeviceID":"core-2","MgmtAddress":"10.0.0.2","MgmtAddresses":["10.0.0.2"],"Platform":"cisco WS","Software":"IOS 15"}`,
			`{"NativeVLAN":9,"PortID":"Gi0/2","TTL":180,"Version":2}`,
		},
	} {
		if i >= len(all) {
			t.Fatalf("%d neighbours", len(all))
		}
		n, ok := all[i].neighbor(false)
		sw, _ := json.Marshal(entity.Map(n.Switch))
		port, _ := json.Marshal(entity.Map(n.SwitchPort))
		if got := (want{n.Protocol, n.Chassis, n.Port, n.PortName, string(sw), string(port)}); !ok || got != w || all[i].name != "eth0" {
			t.Errorf("%d: at %s\n got %+v\nwant %+v", i, all[i].name, got, w)
		}
	}
}

func TestOdd(t *testing.T) {
	for name, c := range map[string]struct {
		text  string
		found int
		fails bool
	}{
		"none":           {`{"lldp":[{}]}`, 0, false},
		"empty":          {`{}`, 0, false},
		"no JSON":        {`lldpd is not running`, 0, true},
		"no chassis":     {`{"lldp":[{"interface":[{"name":"eth0","via":"LLDP"}]}]}`, 0, false},
		"other protocol": {`{"lldp":[{"interface":[{"name":"eth0","via":"EDP","chassis":[{"id":[{"type":"local","value":"x"}]}],"port":[{"id":[{"type":"local","value":"x"}]}]}]}]}`, 0, false},
		"minimal":        {`{"lldp":[{"interface":[{"name":"eth0","via":"LLDP","chassis":[{"id":[{"type":"local","value":"x"}]}],"port":[{"id":[{"type":"local","value":"x"}]}],"vlan":[{"vlan-id":7}]}]}]}`, 1, false},
	} {
		all, err := parse([]byte(c.text))
		found := 0
		for i := range all {
			if n, ok := all[i].neighbor(true); ok {
				found++
				if n.Hold <= 0 {
					t.Errorf("%s: it does not hold", name)
				}
			}
		}
		if found != c.found || (err != nil) != c.fails {
			t.Errorf("%s: %d, %v", name, found, err)
		}
	}
}

// FuzzParse: whatever lldpcli prints, what is made of it can be told.
func FuzzParse(f *testing.F) {
	text, err := os.ReadFile("testdata/neighbors.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		all, err := parse(b)
		if err != nil {
			return
		}
		for i := range all {
			n, ok := all[i].neighbor(true)
			if !ok {
				continue
			}
			ev := entity.Event{Ref: entity.SwitchPortRef(n.Chassis, n.Port), Source: "x", Attributes: n.SwitchPort}
			if err := ev.Validate(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
