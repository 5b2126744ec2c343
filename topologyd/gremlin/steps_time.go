package gremlin

import (
	"context"
	"strings"
	"time"

	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/when"
)

// MaxTimes is how many different moments a query may speak of, NOW not
// counted: each is a graph of its own.
const MaxTimes = 16

// moment is what the arguments of At and Context name.
type moment struct {
	// key is the arguments in their canonical form.
	key string
	// text is the time as it was written, "" for NOW.
	text string
	// slice is set when there is a duration: the slice [t-back, t], from the
	// beginning when forever is set.
	slice, forever bool
	back           time.Duration
}

// live tells whether the moment is the graph itself.
func (m *moment) live() bool { return m.text == "" && !m.slice }

// at is the time of the moment, given what now is.
func (m *moment) at(now time.Time) (time.Time, error) {
	if m.text == "" {
		return now, nil
	}
	return when.Parse(m.text, now)
}

// view asks the past for the graph of the moment, which is at the time t.
func (m *moment) view(ctx context.Context, p Past, t time.Time) (*graph.View, error) {
	switch {
	case m.forever:
		return p.Slice(ctx, time.Time{}, t)
	case m.slice:
		return p.Slice(ctx, t.Add(-m.back), t)
	default:
		return p.At(ctx, t)
	}
}

// buildAt makes At and Context: (time [, duration]), (NOW [, duration]),
// (FOREVER).
func buildAt(c *compiler, s *call, _ Kind) (op, Kind, error) {
	c.source = nil
	if c.before.name != stepG {
		return nil, 0, c.misuse(s, "stands directly after G: G.%s(...)", s.name)
	}
	m, err := c.moment(s)
	if err != nil {
		return nil, 0, err
	}
	m.key = string(appendArgs(nil, s))
	if m.live() {
		c.context = ""
	} else {
		c.context = m.key
		c.contexts[m.key] = true
	}
	if len(c.contexts) > MaxTimes {
		return nil, 0, c.misuse(s, "a query may speak of at most %d times", MaxTimes)
	}
	return func(x *exec, _ flow) flow {
		x.travel(s, m)
		return flow{kind: KindGraph}
	}, KindGraph, nil
}

// moment takes the arguments of At and Context.
func (c *compiler) moment(s *call) (*moment, error) {
	if len(s.args) == 0 {
		return nil, c.missing(s, timeForms()...)
	}
	m := &moment{}
	switch a := &s.args[0]; {
	case a.isFn(fnForever):
		m.slice, m.forever = true, true
		return m, c.atMost(s, 1)
	case a.isFn(fnNow):
	case a.isInt():
		if _, err := when.Epoch(a.val.Int()); err != nil {
			return nil, c.refuse(a, "%v", err)
		}
		m.text = a.val.Text()
	case a.isKey():
		// Whether a time relative to now is too long ago is seen when it runs.
		late := time.Date(2261, 1, 1, 0, 0, 0, 0, time.UTC)
		if _, err := when.Parse(a.val.Str(), late); err != nil {
			return nil, c.refuse(a, "%v", err)
		}
		if text := strings.TrimSpace(a.val.Str()); !strings.EqualFold(text, fnNow) {
			m.text = text
		}
	default:
		return nil, c.bad(a, timeForms()...)
	}
	if len(s.args) == 1 {
		return m, nil
	}
	m.slice = true
	switch a := &s.args[1]; {
	case a.isFn(fnForever):
		m.forever = true
	case a.isKey() || a.isInt():
		var err error
		if m.back, err = when.ParseDuration(a.val.Text()); err != nil {
			return nil, c.refuse(a, "%v", err)
		}
	default:
		return nil, c.bad(a, "a duration: a number of seconds, '1h30m', '7d'", fnForever)
	}
	return m, c.atMost(s, 2)
}

func timeForms() []string {
	return []string{"a time such as '-1h', '2026-03-01 12:00:00' or seconds since 1970", fnNow, fnForever}
}
