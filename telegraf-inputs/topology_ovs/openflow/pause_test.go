package openflow

import (
	"fmt"
	"testing"
)

// A switch whose buffer is full pauses a monitor; when it goes on, it first
// tells what changed meanwhile: nothing is missing in the end. The rules are
// changed by flow_mods that modify: of a rule that one that adds replaced, Open
// vSwitch 3.1 does not tell the removal within the same pause.
func TestPausedMonitorMissesNothing(t *testing.T) {
	b := startBridge(t)
	const n = 3000
	var add, mod []string
	for i := range n {
		add = append(add, fmt.Sprintf("table=%d,priority=%d,tcp,nw_src=10.%d.%d.0/24,tp_dst=%d,actions=output:1", i%7, i, i>>8, i&255, i))
		mod = append(mod, fmt.Sprintf("modify_strict table=%d,priority=%d,tcp,nw_src=10.%d.%d.0/24,tp_dst=%d,actions=output:2", i%7, i, i>>8, i&255, i))
	}
	for _, v := range []Version{V10, V13, V15} {
		b.ofctl(V10, "del-flows", "br0")
		s := b.connect(v)
		known := map[string]string{}
		s.ask(s.FlowMonitorRequest(9, Monitor{ID: 1, Flags: MonitorAll, Table: AllTables}), func(Part) {})
		for _, list := range [][]string{add, mod} { // nobody reads meanwhile
			b.ofctl(V10, "add-flows", "br0", b.file(list))
		}
		b.ofctl(V10, "del-flows", "br0", "table=3")
		paused, resumed, events := 0, 0, 0
		s.send(s.BarrierRequest(77))
		answered := false
		for !answered || paused > resumed {
			switch m := s.next(); m.Kind() {
			case KindMonitorPaused:
				paused++
			case KindMonitorResumed:
				resumed++
			case KindEchoRequest:
				s.send(s.EchoReply(m))
			case KindBarrierReply:
				answered = true
			case KindFlowMonitor:
				for _, u := range updatesOf(t, m) {
					events++
					switch u.Event {
					case EventPaused:
						paused++
					case EventResumed:
						resumed++
					case EventAdded, EventModified:
						known[key(u.Rule)] = u.Rule.ActionsText()
					case EventRemoved:
						delete(known, key(u.Rule))
					default:
						t.Errorf("%v: %v", v, u.Event)
					}
				}
			default:
				t.Errorf("%v: %v", v, m.Kind())
			}
		}
		if paused == 0 || paused != resumed {
			t.Errorf("%v: paused %d times, resumed %d times", v, paused, resumed)
		}
		t.Logf("%v: %d events, paused %d times, %d rules known", v, events, paused, len(known))
		listed := b.connect(v).rules()
		for k, r := range listed {
			if known[k] != r.ActionsText() {
				t.Fatalf("%v: %s: %q is known, %q listed", v, k, known[k], r.ActionsText())
			}
		}
		if len(known) != len(listed) || len(listed) == 0 {
			t.Errorf("%v: %d rules are known, %d listed", v, len(known), len(listed))
		}
	}
}
