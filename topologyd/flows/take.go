package flows

import (
	"context"
	"errors"
	"fmt"
	"unique"

	"github.com/skein-net/skein/internal/flowrecord"
)

// Taken tells what became of reports.
type Taken struct {
	// Stored reports are in the store; Late ones among them say less than what
	// was known. Duplicate ones had come before. Invalid ones were refused, the
	// first of them for Reason.
	Stored, Late, Duplicate, Invalid int
	Reason                           error
}

// Take takes reports, whose memory is its own from then on. After an error none
// of them is promised to anybody and the sender must try again; it wraps
// [ErrBusy], [ErrStore], [ErrStopped] or the error of the context.
func (f *Flows) Take(ctx context.Context, reports []flowrecord.Record) (Taken, error) {
	var t Taken
	if f.isStopped() {
		return t, ErrStopped
	}
	now := f.now().UnixNano()
	fresh := reports[:0]
	for i := range reports {
		r := &reports[i]
		if err := f.check(r, now); err != nil {
			t.refuse(i, r, err)
			continue
		}
		known, foreign := f.live.knows(r)
		if foreign {
			t.refuse(i, r, errOther)
			continue
		}
		if known {
			t.Duplicate++
			continue
		}
		intern(r)
		if fresh = fresh[:len(fresh)+1]; len(fresh) <= i {
			fresh[len(fresh)-1] = *r
		}
	}
	f.n.invalid.Add(uint64(t.Invalid))
	f.n.duplicate.Add(uint64(t.Duplicate))
	if len(fresh) == 0 {
		return t, nil
	}
	if err := f.store.Write(ctx, fresh); err != nil {
		f.n.refused.Add(uint64(len(fresh)))
		return t, refused(err)
	}
	t.Stored = len(fresh)
	f.n.stored.Add(uint64(t.Stored))
	f.sampling.note(fresh)
	for i := range fresh {
		r := new(flowrecord.Record) // on its own, so that it does not keep the others
		*r = fresh[i]
		if !f.live.put(r, now) {
			t.Late++
		}
		f.hub.publish(r)
	}
	f.n.late.Add(uint64(t.Late))
	return t, nil
}

// refuse notes that a report is invalid.
func (t *Taken) refuse(i int, r *flowrecord.Record, err error) {
	if t.Invalid++; t.Reason == nil {
		t.Reason = fmt.Errorf("flow record %d of %s: %w", i+1, r.ID, err)
	}
}

// refused has an error of the store say whether it is worth trying again soon.
func refused(err error) error {
	switch {
	case errors.Is(err, ErrBusy), errors.Is(err, ErrStore), errors.Is(err, ErrStopped),
		errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("store flow records: %w", err)
	default:
		return fmt.Errorf("%w: %w", ErrStore, err)
	}
}

// What is wrong with a report.
var (
	errNoID    = errors.New("there is no flow.id")
	errTimes   = errors.New("its times are not those of a flow: want 0 < network.flow.start <= network.flow.end")
	errCounts  = errors.New("a count of packets or bytes is less than 0")
	errTooOld  = errors.New("it is older than what is kept")
	errOther   = errors.New("another host has a flow of this flow.id")
	errTooLate = errors.New("it is from the future; set the clock of its host")
)

// check refuses what no capture can have seen.
func (f *Flows) check(r *flowrecord.Record, now int64) error {
	m, u := &r.Metric, &r.Update
	switch {
	case r.ID.IsZero():
		return errNoID
	case m.Start <= 0 || m.Last < m.Start || u.Start < 0 || u.Last < 0:
		return errTimes
	case min(m.ABPackets, m.BAPackets, m.ABBytes, m.BABytes, u.ABPackets, u.BAPackets, u.ABBytes, u.BABytes, r.SamplingRate, r.Dropped) < 0:
		return errCounts
	case m.Last < now-int64(f.cfg.Oldest):
		return errTooOld
	case max(m.Last, u.Last) > now+int64(f.cfg.Future):
		return errTooLate
	}
	return nil
}

// intern has texts that many flows share be there once.
func intern(r *flowrecord.Record) {
	for _, s := range [...]*string{
		&r.HostID, &r.Interface, &r.CaptureID, &r.LayersPath, &r.Application,
		&r.LinkProtocol, &r.NetworkProtocol, &r.TransportProtocol, &r.ICMPType,
		&r.ProcessA.Name, &r.ProcessA.ContainerID, &r.ProcessA.Cgroup, &r.ProcessB.Name, &r.ProcessB.ContainerID, &r.ProcessB.Cgroup,
	} {
		*s = unique.Make(*s).Value()
	}
	if r.TCP != nil {
		r.TCP.State = unique.Make(r.TCP.State).Value()
	}
}
