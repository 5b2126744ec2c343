package mapping_test

import (
	"strings"
	"testing"
	"time"

	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/database"
	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/mapping"
)

// tables is a small database with a text in every place where others may write.
func tables(key, value string, n int) *database.Tables {
	many := make(map[string]string)
	for i := range n {
		many[key+strings.Repeat("x", i)] = value
	}
	m := map[string]string{key: value, "peer": value, "remote_ip": value, "local_ip": value, "key": value, "in_key": key, "driver_name": value}
	t := database.NewTables()
	for _, row := range []database.Row{
		&database.OpenVSwitch{UUID: "r", ExternalIDs: map[string]string{"system-id": value, key: value}, OtherConfig: many, OVSVersion: &value, ManagerOptions: []string{"m"}},
		&database.Manager{UUID: "m", Target: value, Status: m},
		&database.Bridge{UUID: "b", Name: value, Ports: []string{"p", "q"}, Mirrors: []string{"x"}, Controller: []string{"c"}, Protocols: []string{key, value}, Status: m, FailMode: &value},
		&database.Controller{UUID: "c", Target: value, Status: m, Role: &key},
		&database.Mirror{UUID: "x", Name: value, SelectSrcPort: []string{"p"}, OutputPort: new("q"), ExternalIDs: m},
		&database.Port{UUID: "p", Name: key, Interfaces: []string{"i", "j"}, BondActive: &value, QoS: new("s"), Trunks: make([]int, n), ExternalIDs: many},
		&database.Port{UUID: "q", Name: value, Interfaces: []string{"k"}},
		&database.QoS{UUID: "s", Type: value, Queues: map[int]string{n: "u"}, OtherConfig: m},
		&database.Queue{UUID: "u", OtherConfig: m, DSCP: &n},
		&database.Interface{UUID: "i", Name: key, Type: value, Options: m, Status: m, MACInUse: &value, Error: &value, IfIndex: &n, OFPort: &n, CFMID: &n, CFMFaultStatus: []string{value}},
		&database.Interface{UUID: "j", Name: value, Type: "vxlan", Options: m, MTU: &n},
		&database.Interface{UUID: "k", Name: value + "2", Type: "patch", Options: many, LinkSpeed: &n},
	} {
		t.Put(row)
	}
	return t
}

// FuzzMapper: whatever is in the database, what is reported is valid, and no
// entity is missing for it.
func FuzzMapper(f *testing.F) {
	f.Add("a", "b", 1)
	f.Add("", "", 0)
	f.Add("\xff", "a\xffb", -1)
	f.Add("k\\", "line\nbreak", 3)
	f.Add(strings.Repeat("k", 300), strings.Repeat("v", 20000), 1100)
	f.Add("k", strings.Repeat("\xffa", 10000), 200)
	f.Fuzz(func(t *testing.T, key, value string, n int) {
		m, err := mapping.New(mapping.Config{HostID: "h", LocalIP: func(s string) string { return s }}, tables(key, value, max(n, 0)%1200))
		if err != nil {
			t.Fatal(err)
		}
		set, gone := m.Take()
		if len(set) != 7 || len(gone) != 0 {
			t.Errorf("%d entities, %d gone", len(set), len(gone))
		}
		for _, ev := range set {
			ev.Interval, ev.Time = 30*time.Second, time.Unix(1, 0)
			if err := ev.ValidateReport(); err != nil {
				t.Errorf("%s: %v", ev.Type, err)
			}
		}
	})
}

// TestTruncated: what is too much is left out, and named.
func TestTruncated(t *testing.T) {
	m, err := mapping.New(mapping.Config{HostID: "h"}, tables("k", strings.Repeat("v", 20_000), 1100))
	if err != nil {
		t.Fatal(err)
	}
	set, _ := m.Take()
	for _, ev := range set {
		cut := ev.Attributes.Get("Truncated").List()
		if len(cut) == 0 {
			t.Errorf("%s: nothing is said to be cut", ev.Type)
		}
		if !ev.Attributes.Has("Type") || !ev.Attributes.Has("UUID") {
			t.Errorf("%s: %v", ev.Type, ev.Attributes)
		}
	}
}
