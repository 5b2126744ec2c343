package openflow

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// key is what makes a rule one in its switch.
func key(r *Rule) string { return fmt.Sprintf("%d/%d/%s", r.Table, r.Priority, r.Match()) }

// rules reads all rules, with their keys.
func (s *session) rules() map[string]*Rule {
	s.t.Helper()
	s.xid++
	all := map[string]*Rule{}
	s.ask(s.FlowStatsRequest(s.xid, FlowQuery{Table: AllTables}), func(p Part) {
		err := DecodeFlowStats(p, func(r *Rule) error {
			if all[key(r)] != nil {
				s.t.Errorf("%v: twice: %s", s.Version, key(r))
			}
			all[key(r)] = r
			return nil
		})
		if err != nil {
			s.t.Fatal(err)
		}
	})
	return all
}

// updates waits for the next message of a monitor and returns what it says.
func (s *session) updates() []Update {
	s.t.Helper()
	for {
		m := s.next()
		if m.Kind() == KindEchoRequest {
			s.send(s.EchoReply(m))
			continue
		}
		if m.Kind() != KindFlowMonitor {
			s.t.Fatalf("%v instead of an update", m.Kind())
		}
		return updatesOf(s.t, m)
	}
}

func updatesOf(t testing.TB, m Message) []Update {
	t.Helper()
	p, err := m.Part()
	if err != nil {
		t.Fatal(err)
	}
	var out []Update
	if err := DecodeUpdates(p, func(u Update) error { out = append(out, u); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

// A monitor tells the rules that are there as a listing does, and then each
// change, in every version in which that can be.
func TestMonitorAgreesWithListing(t *testing.T) {
	b := startBridge(t)
	b.install()
	b.ofctl(V13, "del-flows", "br0", "table="+capTable)
	for v := V10; v <= V15; v++ {
		if !(Dialect{v}).CanMonitor() {
			continue
		}
		listed := b.connect(v).rules()
		s := b.connect(v)
		told := map[string]*Rule{}
		raw := s.ask(s.FlowMonitorRequest(9, Monitor{ID: 1, Flags: MonitorAll, Table: AllTables}), func(p Part) {
			err := DecodeUpdates(p, func(u Update) error {
				if want := EventInitial; u.Event != want && (v >= V14 || u.Event != EventAdded) {
					t.Errorf("%v: a rule that was there is %v", v, u.Event)
				}
				told[key(u.Rule)] = u.Rule
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		})
		if want := slices.Sorted(maps.Keys(listed)); !slices.Equal(slices.Sorted(maps.Keys(told)), want) {
			t.Errorf("%v: %d rules are told, %d listed", v, len(told), len(want))
		}
		for k, r := range told {
			l := listed[k]
			if l == nil {
				t.Errorf("%v: only told: %s", v, k)
				continue
			}
			if r.ActionsText() != l.ActionsText() || r.Cookie != l.Cookie || r.IdleTimeout != l.IdleTimeout || r.Packets != NoCount {
				t.Errorf("%v: told %s, listed %s", v, r, l)
			}
		}
		if *record && !t.Failed() {
			writeRecord(t, v.String()+"-monitor", raw, toldLines(told))
		}
		const rule = "table=9,priority=5,tcp,in_port=3,nw_src=10.9.0.0/16,tp_dst=80"
		for _, c := range []struct {
			args    []string
			event   Event
			actions string
		}{
			{[]string{"add-flow", "br0", rule + ",idle_timeout=60,cookie=0x77,actions=output:7"}, EventAdded, "output:7"},
			{[]string{"mod-flows", "br0", rule + ",cookie=0x77,actions=NORMAL"}, EventModified, "NORMAL"},
			{[]string{"--strict", "del-flows", "br0", rule}, EventRemoved, ""},
		} {
			b.ofctl(V10, c.args...)
			u := s.updates()
			if len(u) != 1 || u[0].Event != c.event || u[0].Rule == nil {
				t.Fatalf("%v: %v: %+v", v, c.args, u)
			}
			r := u[0].Rule
			if key(r) != "9/5/tcp,in_port=3,nw_src=10.9.0.0/16,tp_dst=80" || r.ActionsText() != c.actions || r.Cookie != 0x77 ||
				r.IdleTimeout != 60 || r.GotoTable != -1 || c.event == EventRemoved && u[0].Reason != RemovedDelete {
				t.Errorf("%v: %v: %v, reason %d", v, c.args[0], r, u[0].Reason)
			}
		}
		cancelled(t, s)
	}
}

// toldLines are rules as a monitor tells them.
func toldLines(rules map[string]*Rule) []string {
	var out []string
	for k, r := range rules {
		out = append(out, k+" "+r.ActionsText())
	}
	slices.Sort(out)
	return out
}

// The same without Open vSwitch, from what it told once.
func TestRecordedMonitors(t *testing.T) {
	for v := V10; v <= V15; v++ {
		if !(Dialect{v}).CanMonitor() {
			continue
		}
		name := v.String() + "-monitor"
		told := map[string]*Rule{}
		for _, p := range recorded(t, name) {
			if p.Kind() != KindFlowMonitor {
				t.Fatalf("%s: %v", name, p.Kind())
			}
			if err := DecodeUpdates(p, func(u Update) error { told[key(u.Rule)] = u.Rule; return nil }); err != nil {
				t.Fatal(err)
			}
		}
		compare(t, name, toldLines(told), strings.Split(strings.TrimSpace(string(unzip(t, name+".txt.gz"))), "\n"))
	}
}

// cancelled ends the monitor of a session: the switch answers a barrier after
// it, and no error came before.
func cancelled(t *testing.T, s *session) {
	t.Helper()
	s.send(s.FlowMonitorCancel(50, 1))
	s.send(s.BarrierRequest(51))
	for {
		m := s.next()
		if m.Kind() == KindBarrierReply && m.XID == 51 {
			return
		}
	}
}

// Each version's simple requests are answered.
func TestSimpleRequests(t *testing.T) {
	b := startBridge(t)
	id := strings.Trim(strings.TrimSpace(b.Vsctl("get", "bridge", "br0", "datapath_id")), `"`)
	for v := V10; v <= V15; v++ {
		s := b.connect(v)
		s.send(s.FeaturesRequest(4))
		f, err := DecodeFeatures(s.next())
		if err != nil || fmt.Sprintf("%016x", f.DatapathID) != id || f.Tables != 254 {
			t.Errorf("%v: %+v, %v, want datapath %s", v, f, err, id)
		}
		s.send(s.EchoRequest(5, []byte("ping")))
		if m := s.next(); m.Kind() != KindEchoReply || string(m.Body) != "ping" || m.XID != 5 {
			t.Errorf("%v: %v %q", v, m.Kind(), m.Body)
		}
		if a := s.Async(6, true); a != nil {
			s.send(a)
		}
		s.send(s.BarrierRequest(7))
		if m := s.next(); m.Kind() != KindBarrierReply || m.XID != 7 {
			t.Errorf("%v: %v", v, m.Kind())
		}
		s.send(message(v, 99, 8, nil))
		m, err := s.reader.Next()
		if err != nil {
			t.Fatal(err)
		}
		if f, err := DecodeFailure(m); err != nil || !f.Unsupported() || f.XID != 8 {
			t.Errorf("%v: %v, %v", v, f, err)
		}
	}
}

// Queries choose rules by table and cookie.
func TestQueriesChoose(t *testing.T) {
	b := startBridge(t)
	b.ofctl(V10, "del-flows", "br0")
	b.ofctl(V10, "add-flows", "br0", b.file([]string{
		"table=0,cookie=0x10,tcp,tp_dst=80,actions=drop", "table=0,cookie=0x11,udp,actions=output:1",
		"table=5,cookie=0x20,arp,arp_op=1,arp_spa=10.0.0.0/8,actions=NORMAL",
		"table=5,cookie=0x21,icmp,icmp_type=8,dl_vlan=5,dl_vlan_pcp=2,nw_tos=8,actions=mod_vlan_vid:7,ALL",
		"table=5,cookie=0x22,dl_vlan=0xffff,actions=enqueue:1:2,mod_nw_src:10.0.0.1",
	}))
	for v := V10; v <= V15; v++ {
		s := b.connect(v)
		for _, c := range []struct {
			q    FlowQuery
			want int
		}{
			{FlowQuery{Table: AllTables}, 5},
			{FlowQuery{Table: 0}, 2},
			{FlowQuery{Table: 5}, 3},
			{FlowQuery{Table: AllTables, Cookie: 0x10, CookieMask: 0xfff0}, 2},
			{FlowQuery{Table: 5, Cookie: 1, CookieMask: 1}, 1},
			{FlowQuery{Table: 0, Cookie: 0x20, CookieMask: 1<<64 - 1}, 0},
		} {
			n := 0
			s.ask(s.FlowStatsRequest(3, c.q), func(p Part) { n += len(ruleLines(t, p)) })
			if n != c.want {
				t.Errorf("%v: %+v: %d rules, want %d", v, c.q, n, c.want)
			}
		}
	}
}

// Packets that go through rules and groups are counted, and the counts read as
// ovs-ofctl reads them.
func TestCountersAreRead(t *testing.T) {
	b := startBridge(t)
	b.ofctl(V10, "del-flows", "br0")
	b.ofctl(V13, "add-group", "br0", "group_id=7,type=select,bucket=actions=drop,bucket=weight:0,actions=drop")
	b.ofctl(V10, "add-flow", "br0", "ip,actions=group:7")
	const packet = "ffffffffffff0000000000010800450000140000000040010000" + "0a0000010a000002" + "0000000000000000000000000000"
	for range 3 {
		b.ofctl(V10, "packet-out", "br0", "in_port=controller packet="+packet+" actions=TABLE")
	}
	for v := V10; v <= V15; v++ {
		s := b.connect(v)
		for _, r := range s.rules() {
			if r.Packets != 3 || r.Bytes != 3*60 && r.Bytes != 3*uint64(len(packet)/2) || r.Duration <= 0 {
				t.Errorf("%v: %+v", v, r)
			}
			if (v == V10 || v == V15) != (r.IdleAge >= 0) {
				t.Errorf("%v: idle for %v", v, r.IdleAge)
			}
		}
		var stats []GroupStats
		s.ask(s.GroupStatsRequest(8), func(p Part) {
			if err := DecodeGroupStats(p, func(g GroupStats) error { stats = append(stats, g); return nil }); err != nil {
				t.Fatal(err)
			}
		})
		if len(stats) != 1 || stats[0].ID != 7 || stats[0].References != 1 || stats[0].Packets != 3 ||
			len(stats[0].Buckets) != 2 || stats[0].Buckets[0].Packets != 3 || (v == V10 || v >= V13) != (stats[0].Duration > 0) {
			t.Errorf("%v: %+v", v, stats)
		}
	}
}

// From 1.4 on a change of a group by another is told.
func TestForwardsTellOfGroups(t *testing.T) {
	b := startBridge(t)
	for v := V14; v <= V15; v++ {
		s := b.connect(v)
		s.send(s.Async(1, true))
		s.send(s.BarrierRequest(2))
		if m := s.next(); m.Kind() != KindBarrierReply {
			t.Fatal(m.Kind())
		}
		for _, c := range []struct {
			args []string
			want Forward
		}{
			{[]string{"add-group", "br0", "group_id=5,type=all,bucket=output:1"}, Forward{0, 5}},
			{[]string{"mod-group", "br0", "group_id=5,type=all,bucket=output:2"}, Forward{1, 5}},
			{[]string{"del-groups", "br0", "group_id=5"}, Forward{2, 5}},
			{[]string{"del-groups", "br0"}, Forward{2, AnyGroup}},
		} {
			b.ofctl(V13, c.args...)
			m := s.next()
			f, ok, err := DecodeForward(m)
			if m.Kind() != KindRequestForward || !ok || err != nil || f != c.want {
				t.Errorf("%v: %v: %v %+v, %v", v, c.args, m.Kind(), f, err)
			}
		}
	}
}
