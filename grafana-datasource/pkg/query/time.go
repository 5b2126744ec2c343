package query

import (
	"strings"
	"time"
)

// LiveWithin is how near to now a range may end so that it means now: as long
// as a dashboard's request may take on its way.
const LiveWithin = 15 * time.Second

// Range is the time range of the dashboard.
type Range struct{ From, To time.Time }

// Live reports whether the range ends now.
func (r Range) Live(now time.Time) bool {
	return r.To.IsZero() || !r.To.Before(now.Add(-LiveWithin))
}

// At returns the time that a query for one moment asks about, as topologyd
// reads it; "" is the live graph.
func (q *Query) At(r Range, now time.Time) string {
	switch {
	case q.Time == "" && r.Live(now), strings.EqualFold(q.Time, "now"):
		return ""
	case q.Time == "":
		return Stamp(r.To)
	}
	return q.Time
}

// Moment is [Query.At] for a query that does without the time of a query: the
// end of the range.
func (r Range) Moment(now time.Time) string {
	if r.Live(now) {
		return ""
	}
	return Stamp(r.To)
}

// End is the end of the range, but not after now.
func (r Range) End(now time.Time) time.Time {
	if r.To.IsZero() || r.To.After(now) {
		return now
	}
	return r.To
}

// Stamp writes a time as topologyd reads it.
func Stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// MinStep is the shortest step of a time series: as often as interfaces are
// read.
const MinStep = 10 * time.Second

// Step returns the step of a time series: not shorter than interval or
// [MinStep], at most points steps in the range, and of a length that people can
// read. points 0 means 1000.
func Step(r Range, interval time.Duration, points int64) time.Duration {
	if points <= 0 {
		points = 1000
	}
	points = min(points, 2000) // as many as topologyd gives
	// The first step may begin before the range, and the last end after it.
	least := max(interval, MinStep, r.To.Sub(r.From)/time.Duration(max(points-1, 1)))
	for _, nice := range []time.Duration{
		10, 15, 20, 30, 60, 2 * 60, 5 * 60, 10 * 60, 15 * 60, 20 * 60, 30 * 60,
		3600, 2 * 3600, 3 * 3600, 6 * 3600, 12 * 3600, 24 * 3600, 7 * 24 * 3600,
	} {
		if nice *= time.Second; nice >= least {
			return nice
		}
	}
	const day = 24 * time.Hour
	return (least + day - 1) / day * day
}
