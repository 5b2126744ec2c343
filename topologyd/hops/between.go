package hops

import (
	"fmt"
	"strings"
	"time"

	"github.com/skein-net/skein/internal/flowrecord"
)

// between compares two points, of which from is nearer to A.
func between(list []Point, from, to int) Between {
	p, q := &list[from], &list[to]
	b := Between{From: from, To: to, AB: loss(p.AB, q.AB), BA: loss(q.BA, p.BA), SameClock: p.Host != "" && p.Host == q.Host}
	b.judge(p, q)
	b.delays(p, q)
	dropped := []*Point{p, q}
	if b.SameClock { // both say what their host dropped, the one that was told later more of it
		dropped = dropped[:1]
		if q.Dropped > p.Dropped {
			dropped[0] = q
		}
	}
	for _, x := range dropped {
		if x.Dropped > 0 {
			b.say("the kernel of %s dropped %s of it%s", hostName(x), packets(x.Dropped), reasons(x))
		}
	}
	return b
}

func (b *Between) say(format string, args ...any) {
	b.Evidence = append(b.Evidence, fmt.Sprintf(format, args...))
}

func loss(sent, got Count) Loss {
	return Loss{
		Sent:    sent.Packets,
		Packets: max(0, sent.Packets-got.Packets), Bytes: max(0, sent.Bytes-got.Bytes),
		SurplusPackets: max(0, got.Packets-sent.Packets), SurplusBytes: max(0, got.Bytes-sent.Bytes),
	}
}

// clean tells that both points counted the same.
func (b *Between) clean() bool {
	return b.AB.Packets == 0 && b.AB.SurplusPackets == 0 && b.BA.Packets == 0 && b.BA.SurplusPackets == 0
}

// names are what two points are called beside one another: by their interfaces
// alone where these tell them apart.
func names(p, q *Point) func(*Point) string {
	if p.Host == q.Host && p.Interface != q.Interface && p.Interface != "" && q.Interface != "" {
		return func(x *Point) string { return x.Interface }
	}
	return (*Point).Name
}

// judge tells how far the losses can be believed.
func (b *Between) judge(p, q *Point) {
	name := names(p, q)
	worse := func(c Confidence, format string, args ...any) {
		b.Confidence = max(b.Confidence, c)
		b.say(format, args...)
	}
	for _, x := range []*Point{p, q} {
		if x.Sampling > 1 {
			worse(Estimate, "%s counted one packet of %d: its counts are scaled", name(x), x.Sampling)
		}
		if x.Missed > 0 && !b.clean() {
			worse(Partial, "the capture %s lost %s of all flows at %s: they may count as lost", x.Capture, packets(x.Missed), name(x))
		}
		if x.Finish == flowrecord.FinishStopped {
			worse(Partial, "the capture at %s ended before it did", name(x))
		}
	}
	if apart := p.Last - q.Last; p.Finish == flowrecord.NotFinished || q.Finish == flowrecord.NotFinished {
		worse(GoingOn, "it has not ended: the last packets that were reported are %s apart, and what came between counts as lost", duration(max(apart, -apart)))
	}
	late, early := q, p
	if p.First > q.First {
		late, early = p, q
	}
	switch apart := late.First - early.First; {
	case p.syn[0] != 0 && q.syn[0] != 0:
	case apart > sameStart, apart > sameStart/10 && late.syn[0] == 0 && early.syn[0] != 0:
		worse(Partial, "%s saw it %s later than %s: what was before counts as lost", name(late), duration(apart), name(early))
	}
	if b.Confidence == Exact {
		b.say("both counted every packet from the first to the last")
	}
	for _, l := range []struct {
		*Loss
		way  string
		seen *Point
		not  *Point
	}{{&b.AB, "A to B", q, p}, {&b.BA, "B to A", p, q}} {
		if l.SurplusPackets > 0 {
			b.say("%s saw %s from %s that %s did not: duplicated on the way, or missed there", name(l.seen), packets(l.SurplusPackets), l.way, name(l.not))
		}
	}
}

// synAgain is after how long a SYN that is not answered is sent again (RFC 6298,
// 2.1), less what timers vary.
const synAgain = int64(900 * time.Millisecond)

// delays tells how long it takes from one point to the other.
func (b *Between) delays(p, q *Point) {
	if p.RTT > 0 && q.RTT > 0 {
		b.RoundTrip = Delay{p.RTT - q.RTT, true}
		b.say("round trip: both measured that to B; no clocks are compared")
	}
	what := ""
	if p.syn[0] != 0 && q.syn[0] != 0 {
		if d := q.syn[0] - p.syn[0]; b.AB.Packets == 0 || d < synAgain {
			b.OneWayAB, what = Delay{d, true}, "the SYN"
		}
	} else if b.Confidence == Exact && b.AB.Packets == 0 && b.AB.SurplusPackets == 0 && !p.Swapped && !q.Swapped && p.Flows == 1 && q.Flows == 1 {
		b.OneWayAB, what = Delay{q.First - p.First, true}, "the first packet"
	}
	if p.syn[1] != 0 && q.syn[1] != 0 {
		if d := p.syn[1] - q.syn[1]; b.BA.Packets == 0 || d < synAgain {
			b.OneWayBA, what = Delay{d, true}, "the SYN"
		}
	}
	switch {
	case what == "":
	case b.SameClock:
		b.say("one way: %s at both, by one clock", what)
	default:
		b.say("one way: %s at both, by the clocks of two hosts, assumed equal", what)
	}
}

func packets(n int64) string {
	if n == 1 {
		return "1 packet"
	}
	return fmt.Sprintf("%d packets", n)
}

func hostName(p *Point) string {
	if p.Host == "" {
		return p.Name()
	}
	return p.Host
}

// reasons lists why packets were dropped.
func reasons(p *Point) string {
	var list []string
	for _, a := range p.Drops.Map() {
		list = append(list, fmt.Sprintf("%s %d", a.Key, a.Value.Int()))
	}
	if len(list) == 0 {
		return ""
	}
	return ": " + strings.Join(list, ", ")
}

// duration is a time for people: to a hundredth of its unit.
func duration(ns int64) string {
	d := time.Duration(ns)
	for _, unit := range []time.Duration{time.Second, time.Millisecond, time.Microsecond} {
		if d >= unit {
			return d.Round(unit / 100).String()
		}
	}
	return d.String()
}
