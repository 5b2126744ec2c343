package ofprobe

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/openflow"
)

// request is a request of several parts that is under way.
type request struct {
	parts   *openflow.Parts
	kind    openflow.Kind
	xid     uint32
	started time.Time
	// bytes is how long the answer is and busy what it took. cut tells that what
	// is beyond MaxBytes was left out, partial that something could not be read,
	// done that there is no more.
	bytes   int
	busy    time.Duration
	cut     bool
	partial bool
	done    bool
}

func newRequest(kind openflow.Kind, xid uint32, now time.Time) *request {
	return &request{parts: openflow.NewParts(xid, openflow.DefaultPartsLimit()), kind: kind, xid: xid, started: now}
}

// requests are those under way.
func (f *follow) requests() (out []*request) {
	for _, r := range []*request{f.rulesReq, f.groupsReq, f.statsReq} {
		if r != nil {
			out = append(out, r)
		}
	}
	return out
}

// readRules asks for all rules, unless that is under way.
func (f *follow) readRules(now time.Time) error {
	f.readAt = time.Time{}
	if f.rulesReq != nil {
		return nil
	}
	f.rulesReq = newRequest(openflow.KindFlowStats, f.sess.newXID(), now)
	f.rules.begin()
	return f.sess.write(f.sess.FlowStatsRequest(f.rulesReq.xid, openflow.FlowQuery{Table: openflow.AllTables, Standard: f.standard}))
}

// next is when a request that ended is to be made again: after the interval, or
// later if it costs more than half of the budget. The other half is for changes.
func (f *follow) next(r *request, what string) time.Time {
	interval := f.cfg.Interval
	if least := 2 * f.budget.cost(r.busy); least > interval {
		interval = least
		f.sayOnce("interval", "reading its %s takes %v of work; it is done every %v, not every %v, to stay below a share of %v of a core (cpu)",
			what, r.busy.Round(time.Millisecond), interval.Round(time.Second), f.cfg.Interval, f.cfg.CPU)
	}
	return r.started.Add(interval)
}

// part takes the next part of an answer. body is nil for what is beyond the
// limit of one read; ok is false for what nobody asked for.
func (f *follow) part(r *request, m openflow.Message) (p openflow.Part, last, ok bool, err error) {
	if r == nil || r.xid != m.XID {
		f.stats.undecoded.Incr(1)
		return openflow.Part{}, false, false, nil
	}
	p, last, err = r.parts.Add(m)
	if err != nil {
		return openflow.Part{}, false, false, err
	}
	f.current, r.done = r, last
	if r.bytes += len(p.Body); r.bytes > f.cfg.MaxBytes {
		r.cut = true
	}
	return p, last, true, nil
}

// rulesPart takes a part of the rules.
func (f *follow) rulesPart(m openflow.Message, now time.Time) error {
	r := f.rulesReq
	p, last, ok, err := f.part(r, m)
	if err != nil || !ok {
		return err
	}
	if r.cut {
		f.rules.skipped(countEntries(p.Body))
	} else if err := f.decodeRules(p); err != nil {
		f.undecoded(r, err)
	}
	if !last {
		return nil
	}
	f.rulesReq, f.rulesRead = nil, true
	if f.monitorXID != 0 {
		f.unmonitored(errors.New("no answer"))
	}
	f.stats.reads.Incr(1)
	f.truncated(r, "rules")
	f.rules.end(f.agreement(r, f.monitored), "the switch has it no more")
	f.again = f.again || f.rules.forgot
	f.ended(now)
	return nil
}

// answered has a request that is answered made again when its time comes.
func (f *follow) answered(r *request) {
	switch kind := r.kind; {
	case !r.done:
	case kind == openflow.KindFlowStats:
		f.readAt = f.next(r, "rules")
		f.earliest = r.started.Add(2 * f.budget.cost(r.busy))
		if f.again {
			f.again = false
			f.readSoon(time.Now())
		}
	case kind == openflow.KindGroupDesc && f.groupsAt.IsZero():
		f.groupsAt = f.next(r, "groups")
	}
}

// agreement is how many reads must not have a thing until it counts as gone, 0
// for any number, since the switch tells the end of each.
func (f *follow) agreement(r *request, told bool) uint64 {
	switch {
	case !r.cut && !r.partial:
		return 1
	case told:
		return 0
	}
	return 3
}

// truncated counts an answer that was too long.
func (f *follow) truncated(r *request, what string) {
	if r.cut {
		f.stats.truncated.Incr(1)
		f.sayOnce("bytes", "a read of its %s has %d bytes; only the first %d are decoded (max_bytes)", what, r.bytes, f.cfg.MaxBytes)
	}
}

// unmonitored notes that the switch tells no changes. It may say so, or leave
// the request unanswered: then it has answered a later one.
func (f *follow) unmonitored(why error) {
	f.monitorXID = 0
	f.sayOnce("monitor", "it tells no changes of rules (%v); they are read every %v", why, f.cfg.Interval)
}

// undecoded notes that a part of an answer cannot be read.
func (f *follow) undecoded(r *request, err error) {
	r.partial = true
	f.stats.undecoded.Incr(1)
	f.sayOnce("decode", "something in its answers cannot be read and is left out: %v", err)
}

// ended does what follows the end of a read.
func (f *follow) ended(now time.Time) {
	f.list(now)
	f.changed(now)
	if !f.listed {
		return
	}
	f.summarize()
	if f.cfg.Counters {
		f.meters.gather(f.cfg.Interval, f.rules, f.groups)
		if f.metersAt.IsZero() && len(f.meters.waiting) > 0 {
			f.metersAt = now
		}
	}
}

// countEntries counts the entries of a part that is not decoded. Each begins
// with its length.
func countEntries(b []byte) (n int) {
	for len(b) >= 2 {
		size := int(binary.BigEndian.Uint16(b))
		if size < 4 || size > len(b) {
			break
		}
		b = b[size:]
		n++
	}
	return n
}
