package packets

import (
	"context"
	"time"

	"github.com/skein-net/skein/internal/flowrecord"
)

const (
	// mostDescribed is how many flows are remembered for one answer.
	mostDescribed = 20_000
	// describeTime is how long the look-up of flows may take, describeAgain after how
	// long one that was not found is looked for again: the first report of a flow
	// comes later than its first packets.
	describeTime  = 2 * time.Second
	describeAgain = 5 * time.Second
)

// describer says what flows are, for comments. It is for one answer.
type describer struct {
	flows Flows
	now   func() time.Time
	live  bool // of an answer that is followed
	// known are the comments by flow; nil with a time: not found then.
	known map[flowrecord.ID]described
	off   bool
}

type described struct {
	comments []string
	asked    time.Time
}

func newDescriber(s *Service, live bool) *describer {
	return &describer{flows: s.deps.Flows, now: s.now, live: live, known: make(map[flowrecord.ID]described), off: s.deps.Flows == nil}
}

// look finds out about the flows of packets. What cannot be found out is left
// out.
func (d *describer) look(ctx context.Context, batch []Packet) {
	if d.off || len(batch) == 0 {
		return
	}
	if len(d.known)+len(batch) > mostDescribed {
		clear(d.known)
	}
	now := d.now()
	var ids []flowrecord.ID
	from, to := batch[0].Time, batch[0].Time
	fresh := make(map[flowrecord.ID]struct{})
	for i := range batch {
		p := &batch[i]
		k, known := d.known[p.Flow]
		if p.Flow.IsZero() || k.comments != nil || known && (!d.live || now.Sub(k.asked) < describeAgain) {
			continue
		}
		from, to = min(from, p.Time), max(to, p.Time)
		if _, twice := fresh[p.Flow]; !twice {
			fresh[p.Flow] = struct{}{}
			ids = append(ids, p.Flow)
		}
	}
	if len(ids) == 0 {
		return
	}
	for _, id := range ids {
		d.known[id] = described{asked: now}
	}
	ctx, cancel := context.WithTimeout(ctx, describeTime)
	defer cancel()
	ids = d.ask(ctx, &flowrecord.Query{Live: true, IDs: ids, Limit: len(ids)}, ids)
	if len(ids) > 0 && !d.live {
		d.ask(ctx, &flowrecord.Query{From: from, To: to, IDs: ids, Limit: len(ids)}, ids)
	}
}

// ask asks once and returns the flows that were not found.
func (d *describer) ask(ctx context.Context, q *flowrecord.Query, ids []flowrecord.ID) (left []flowrecord.ID) {
	list, err := d.flows.List(ctx, q)
	if err != nil {
		d.off = !d.live // one answer does not wait for a store that is slow again and again
		return nil
	}
	for _, r := range list {
		if k, asked := d.known[r.ID]; asked {
			k.comments = comments(r)
			d.known[r.ID] = k
		}
	}
	for _, id := range ids {
		if d.known[id].comments == nil {
			left = append(left, id)
		}
	}
	return left
}

func comments(r *flowrecord.Record) []string {
	out := []string{"flow " + r.ID.String()}
	if r.TrackingID != 0 {
		out = append(out, "tracking "+r.TrackingID.String())
	}
	if r.Application != "" {
		out = append(out, "application "+r.Application)
	}
	return out
}

// comments returns what is known of the flow of a packet.
func (d *describer) comments(p *Packet) []string {
	if p.Flow.IsZero() {
		return nil
	}
	if c := d.known[p.Flow].comments; c != nil {
		return c
	}
	return []string{"flow " + p.Flow.String()}
}
