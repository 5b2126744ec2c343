package ofprobe

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/openflow"
)

// follow is one connection to a bridge, from dialing to its end. All of it is of
// one goroutine.
type follow struct {
	*source
	bridge Bridge
	moved  <-chan struct{}
	out    sink
	sess   *session

	// listed tells that everything was reported once, which needs both reads.
	listed, rulesRead, groupsRead bool
	// monitored tells that the switch tells changes.
	monitored bool

	// What was asked and not answered yet; nil means nothing.
	rulesReq, groupsReq, statsReq *request
	// current is the one that the message at hand answers.
	current *request

	monitorXID uint32 // of the request to monitor, 0: it was answered, or there was none
	echo       bool   // an echo request is under way
	standard   bool   // 1.0: ask without Nicira's extension
	noGroups   bool   // the switch knows no groups
	noStats    bool   // nor their counters

	// When to do what; the zero time means not at all.
	readAt, groupsAt, flushAt, metersAt time.Time
	// earliest is before when the budget has no room for another read of all
	// rules; again asks for one that follows the one under way.
	earliest time.Time
	again    bool
	// heard is when the switch was last heard, or could not be for want of budget.
	heard time.Time
	// flushed is when changes were last reported.
	flushed time.Time
}

// answerLimit is how long all of an answer may take. It is far above what any
// switch needs, since the budget may stretch it.
const answerLimit = 10 * time.Minute

// run connects and follows until ctx or the connection ends.
func (f *follow) run(ctx context.Context) error {
	conn, err := connect(ctx, f.cfg, f.bridge.Target)
	if err != nil {
		return err
	}
	if f.sess, err = newSession(ctx, f.cfg, conn); err != nil {
		return err
	}
	defer f.sess.close()
	f.stats.version.Store(int64(f.sess.Version))
	f.heard = time.Now()
	if err := f.begin(f.heard); err != nil {
		return err
	}
	return f.loop(ctx)
}

// begin asks for changes first and for everything then, so that nothing happens
// unseen between the two.
func (f *follow) begin(now time.Time) error {
	if f.cfg.Monitor && !f.sess.CanMonitor() {
		f.unmonitored(fmt.Errorf("%v has no way that agrees with what a read says", f.sess.Version))
	} else if f.cfg.Monitor {
		f.monitorXID = f.sess.newXID()
		m := openflow.Monitor{ID: monitorID, Flags: monitorFlags, Table: openflow.AllTables}
		if err := f.sess.write(f.sess.FlowMonitorRequest(f.monitorXID, m)); err != nil {
			return err
		}
	}
	if f.sess.Version >= openflow.V14 {
		// Groups that others change. Nothing else is wanted, so that is said first.
		if err := f.sess.write(f.sess.Async(f.sess.newXID(), true)); err != nil {
			return err
		}
	}
	f.groupsAt = now
	return f.readRules(now)
}

const (
	// monitorID is the one monitor of a connection.
	monitorID = 1
	// monitorFlags leave out what is there, since that is read, and this
	// connection's own changes, since it makes none.
	monitorFlags = openflow.MonitorAdd | openflow.MonitorDelete | openflow.MonitorModify | openflow.MonitorActions
)

func (f *follow) loop(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	throttled := false
	for {
		now := time.Now()
		wait := f.budget.wait(now)
		in := f.sess.in
		if wait > 0 {
			if in = nil; !throttled {
				f.stats.throttled.Incr(1)
				f.sayOnce("cpu", "its changes cost more than a share of %v of a core (cpu); they are taken slower", f.cfg.CPU)
			}
			f.heard = now.Add(wait)
		}
		throttled = wait > 0
		if err := f.due(now, throttled); err != nil {
			return err
		}
		timer.Reset(f.pause(now, wait))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-f.retiring:
			f.bury()
			f.rest()
			<-ctx.Done()
			return ctx.Err()
		case <-f.moved:
			return errMoved
		case <-timer.C:
		case m, ok := <-in:
			if !ok {
				return f.sess.err
			}
			if err := f.take(m); err != nil {
				return err
			}
			f.sess.next <- struct{}{}
		}
	}
}

// take handles one message.
func (f *follow) take(m openflow.Message) (err error) {
	now := time.Now()
	f.heard, f.echo, f.current = now, false, nil
	f.stats.bytes.Incr(int64(m.Length))
	d := f.spend(func() { err = f.handle(m, now) })
	if f.current != nil {
		f.current.busy += d
		f.answered(f.current)
	}
	return err
}

// spend does some work and notes what it cost.
func (f *follow) spend(do func()) time.Duration {
	d := work(do)
	f.budget.spend(time.Now(), d)
	f.stats.busy.Incr(int64(d))
	return d
}

// pause is how long nothing has to be done by itself.
func (f *follow) pause(now time.Time, wait time.Duration) time.Duration {
	next := f.heard.Add(f.sess.timeout)
	for _, at := range []time.Time{f.readAt, f.groupsAt, f.flushAt, f.metersAt} {
		if !at.IsZero() && at.Before(next) {
			next = at
		}
	}
	d := next.Sub(now)
	if wait > 0 {
		d = min(max(d, 0)+wait, wait)
		if !f.flushAt.IsZero() {
			d = min(d, f.flushAt.Sub(now))
		}
	}
	return max(d, 0)
}

// due does what the time has come for.
func (f *follow) due(now time.Time, throttled bool) error {
	if !f.flushAt.IsZero() && !now.Before(f.flushAt) {
		f.spend(func() { f.flush(now) })
	}
	if !f.metersAt.IsZero() && !now.Before(f.metersAt) {
		f.spend(func() { f.meters.send(f.acc, f.cfg.HostID, f.bridge.Name, now) })
		f.metersAt = time.Time{}
		if len(f.meters.waiting) > 0 {
			f.metersAt = now.Add(metersTick)
		}
	}
	if throttled {
		return nil
	}
	if err := f.alive(now); err != nil {
		return err
	}
	if !f.groupsAt.IsZero() && !now.Before(f.groupsAt) {
		if err := f.readGroups(now); err != nil {
			return err
		}
	}
	if !f.readAt.IsZero() && !now.Before(f.readAt) {
		return f.readRules(now)
	}
	return nil
}

// alive sees to it that a switch that says nothing is there.
func (f *follow) alive(now time.Time) error {
	for _, r := range f.requests() {
		if now.Sub(r.started) > answerLimit {
			return fmt.Errorf("wait for the switch: its answer is not complete after %v", answerLimit)
		}
	}
	if now.Sub(f.heard) < f.sess.timeout {
		return nil
	}
	if f.echo || len(f.requests()) > 0 {
		return errors.New("wait for the switch: no answer within " + f.sess.timeout.String())
	}
	f.echo, f.heard = true, now
	return f.sess.write(f.sess.EchoRequest(f.sess.newXID(), nil))
}

// flush reports what changed since the last time.
func (f *follow) flush(now time.Time) {
	f.rules.flush(f.out)
	f.groups.flush(f.out)
	f.flushed, f.flushAt = now, time.Time{}
	f.tally()
}

// tally makes what the tables counted counters of the bridge.
func (f *follow) tally() {
	for _, t := range []*table{f.rules, f.groups} {
		f.stats.merged.Incr(int64(t.merged))
		f.stats.shortened.Incr(int64(t.shortened))
		f.stats.alike.Incr(int64(t.alike))
		if t.alike > 0 {
			f.sayOnce("alike", "it tells several rules of the same table, priority and match; they are taken for one")
		}
		t.merged, t.shortened, t.alike = 0, 0, 0
	}
	f.stats.sizes(f.sizes())
}

// changed has what waits reported, at once or when the last report is old enough.
func (f *follow) changed(now time.Time) {
	if f.listed && f.flushAt.IsZero() && (f.rules.pending() || f.groups.pending()) {
		f.flushAt = f.flushed.Add(f.cfg.Coalesce)
		if f.flushAt.Before(now) {
			f.flushAt = now
		}
	}
}

// list reports everything once the first answers are complete.
func (f *follow) list(now time.Time) {
	if f.listed || !f.rulesRead || !f.groupsRead {
		return
	}
	f.rules.again()
	f.groups.again()
	f.flush(now)
	f.summarize()
	f.listed = true
	f.out.Listed()
}

// sayOnce logs a limit that was met for the first time.
func (f *follow) sayOnce(what, format string, args ...any) {
	if !f.said[what] {
		f.said[what] = true
		f.log.Warnf("Bridge %s: %s", f.bridge.Name, fmt.Sprintf(format, args...))
	}
}
