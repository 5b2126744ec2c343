package ofprobe

import (
	"time"

	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/openflow"
)

// readGroups asks for all groups. While that is under way it is put off: the
// answer may be older than the reason to ask.
func (f *follow) readGroups(now time.Time) error {
	f.groupsAt = time.Time{}
	if f.noGroups {
		return nil
	}
	if f.groupsReq != nil {
		f.groupsSoon(now)
		return nil
	}
	f.groupsReq = newRequest(openflow.KindGroupDesc, f.sess.newXID(), now)
	f.groups.begin()
	return f.sess.write(f.sess.GroupDescRequest(f.groupsReq.xid))
}

// groupsSoon has the groups read after a change: not at once, since changes come
// in rows.
func (f *follow) groupsSoon(now time.Time) {
	if at := now.Add(f.cfg.Coalesce + 10*time.Millisecond); f.groupsAt.IsZero() || f.groupsAt.After(at) {
		f.groupsAt = at
	}
}

// groupsPart takes a part of the groups.
func (f *follow) groupsPart(m openflow.Message, now time.Time) error {
	r := f.groupsReq
	p, last, ok, err := f.part(r, m)
	if err != nil || !ok {
		return err
	}
	if r.cut {
		f.groups.skipped(countEntries(p.Body))
	} else if err := openflow.DecodeGroups(p, func(g *openflow.Group) error {
		f.groups.seen(groupItem(&f.bridge, g))
		return nil
	}); err != nil {
		f.undecoded(r, err)
	}
	if !last {
		return nil
	}
	f.groupsReq, f.groupsRead = nil, true
	f.truncated(r, "groups")
	f.groups.end(f.agreement(r, false), "the switch has it no more")
	f.ended(now)
	if !f.cfg.Counters || f.noStats || f.statsReq != nil || len(f.groups.entries) == 0 {
		return nil
	}
	f.statsReq = newRequest(openflow.KindGroupStats, f.sess.newXID(), now)
	return f.sess.write(f.sess.GroupStatsRequest(f.statsReq.xid))
}

// groupStatsPart takes a part of the groups' counters.
func (f *follow) groupStatsPart(m openflow.Message, now time.Time) error {
	r := f.statsReq
	p, last, ok, err := f.part(r, m)
	if err != nil || !ok {
		return err
	}
	if !r.cut {
		err = openflow.DecodeGroupStats(p, func(g openflow.GroupStats) error {
			f.groups.counted(groupKey(g.ID), g.Packets, g.Bytes)
			return nil
		})
		if err != nil {
			f.undecoded(r, err)
		}
	}
	if last {
		f.truncated(r, "groups' counters")
		f.statsReq = nil
		f.ended(now)
	}
	return nil
}
