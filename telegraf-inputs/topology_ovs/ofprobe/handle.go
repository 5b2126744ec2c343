package ofprobe

import (
	"fmt"
	"time"

	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/openflow"
)

// handle takes one message.
func (f *follow) handle(m openflow.Message, now time.Time) error {
	switch m.Kind() {
	case openflow.KindEchoRequest:
		return f.sess.write(f.sess.EchoReply(m))
	case openflow.KindError:
		return f.refused(m, now)
	case openflow.KindFlowStats:
		return f.rulesPart(m, now)
	case openflow.KindGroupDesc:
		return f.groupsPart(m, now)
	case openflow.KindGroupStats:
		return f.groupStatsPart(m, now)
	case openflow.KindFlowMonitor:
		return f.updates(m, now)
	case openflow.KindMonitorPaused:
		f.paused()
	case openflow.KindMonitorResumed:
		f.resumed(now)
	case openflow.KindRequestForward:
		if _, ok, err := openflow.DecodeForward(m); ok && err == nil {
			f.groupsSoon(now)
		}
	default:
		// A HELLO, an echo reply, a message that nobody asked for.
	}
	return nil
}

// refused takes an error. What a switch does not know is done without.
func (f *follow) refused(m openflow.Message, now time.Time) error {
	f.stats.errors.Incr(1)
	failure := refusal(m)
	is := func(r *request) bool { return r != nil && r.xid == m.XID }
	switch {
	case f.monitorXID != 0 && m.XID == f.monitorXID:
		f.unmonitored(failure)
	case is(f.rulesReq) && f.sess.Version == openflow.V10 && !f.standard:
		f.rulesReq, f.standard = nil, true
		return f.readRules(now)
	case is(f.rulesReq):
		return fmt.Errorf("read rules: %w", failure)
	case is(f.groupsReq):
		f.groupsReq, f.noGroups, f.groupsRead = nil, true, true
		f.groups.end(1, "the switch has no groups")
		f.ended(now)
	case is(f.statsReq):
		f.statsReq, f.noStats = nil, true
	default:
		f.log.Debugf("Bridge %s: %v", f.bridge.Name, failure)
	}
	return nil
}
