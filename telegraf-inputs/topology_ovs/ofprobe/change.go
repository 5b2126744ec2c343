package ofprobe

import (
	"time"

	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/openflow"
)

// updates takes changes that the switch tells.
func (f *follow) updates(m openflow.Message, now time.Time) error {
	p, err := m.Part()
	if err != nil {
		return err
	}
	if f.monitorXID != 0 && m.XID == f.monitorXID {
		f.monitorXID, f.monitored = 0, true
		f.stats.monitored.Store(1)
	}
	added := false
	err = openflow.DecodeUpdates(p, func(u openflow.Update) error {
		switch u.Event {
		case openflow.EventInitial, openflow.EventAdded, openflow.EventModified:
			f.stats.changes.Incr(1)
			added = added || u.Event != openflow.EventModified
			f.rules.changed(changeItem(&f.bridge, u.Rule))
		case openflow.EventRemoved:
			f.stats.changes.Incr(1)
			f.rules.removed(ruleKey(u.Rule), removedReason(u.Reason))
		case openflow.EventPaused:
			f.paused()
		case openflow.EventResumed:
			f.resumed(now)
		default:
			// Abbreviated are only changes by this connection, which makes none.
		}
		return nil
	})
	if err != nil {
		// What else it said is only to be had by reading everything.
		f.stats.undecoded.Incr(1)
		f.sayOnce("changes", "a change that it told cannot be read: %v", err)
		f.readSoon(now)
	}
	if added && f.sess.Version >= openflow.V13 {
		f.readSoon(now) // for its flags, which from 1.3 on a read tells and a change does not
	}
	if !f.listed {
		clear(f.rules.gone) // the listing will not have them
	}
	f.changed(now)
	return nil
}

// readSoon has everything read before its time, as far as the budget allows.
func (f *follow) readSoon(now time.Time) {
	at := now.Add(f.cfg.Settle)
	if f.earliest.After(at) {
		at = f.earliest
	}
	switch {
	case f.rulesReq != nil:
		f.again = true // what it answers may be older
	case f.readAt.After(at):
		f.readAt = at
	}
}

// paused notes that the switch tells no changes until what it told was read.
// What changes meanwhile it tells then, merged.
func (f *follow) paused() {
	f.stats.pauses.Incr(1)
	f.sayOnce("pause", "it changes rules faster than they are taken; it merges changes now and then")
}

// resumed notes the end of a pause. What Open vSwitch (3.1) tells then is not
// all: of a rule that was replaced during the pause by one with the same match,
// and then deleted, it does not tell the end. So everything is read.
func (f *follow) resumed(now time.Time) { f.readSoon(now) }

// removedReason says why a rule ended.
func removedReason(why uint16) string {
	reasons := [...]string{"idle timeout", "hard timeout", "deleted", "its group was deleted", "its meter was deleted", "evicted"}
	if int(why) < len(reasons) {
		return reasons[why]
	}
	return "removed"
}

// bury says that the bridge and all its rules are gone.
func (f *follow) bury() {
	const why = "the bridge was deleted"
	for _, t := range []*table{f.rules, f.groups} {
		for _, e := range t.entries {
			f.out.Delete(e.ev.Ref, why)
		}
		for _, g := range t.gone {
			f.out.Delete(g.ref, g.why)
		}
		t.clear()
	}
	f.out.Delete(f.bridge.Ref(), why)
}
