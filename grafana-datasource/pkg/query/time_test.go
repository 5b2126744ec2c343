package query

import (
	"testing"
	"time"
)

func at(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		panic(err)
	}
	return t
}

func TestAt(t *testing.T) {
	now := at("2026-03-01T12:00:00Z")
	r := func(to string) Range { return Range{From: at("2026-03-01T10:00:00Z"), To: at(to)} }
	for _, c := range []struct {
		time string
		r    Range
		want string
	}{
		{"", r("2026-03-01T12:00:00Z"), ""},
		{"", r("2026-03-01T11:59:45Z"), ""},
		{"", r("2026-03-01T13:00:00Z"), ""},
		{"", r("2026-03-01T11:59:44.5Z"), "2026-03-01T11:59:44.5Z"},
		{"now", r("2026-02-01T00:00:00Z"), ""},
		{"-1h", r("2026-02-01T00:00:00Z"), "-1h"},
		{"", Range{}, ""},
	} {
		q := &Query{Time: c.time}
		if got := q.At(c.r, now); got != c.want {
			t.Errorf("At(%q, %v) = %q, want %q", c.time, c.r.To, got, c.want)
		}
		if c.time == "" && c.r.Moment(now) != c.want {
			t.Errorf("Moment(%v) = %q, want %q", c.r.To, c.r.Moment(now), c.want)
		}
	}
	if got := r("2026-03-01T13:00:00Z").End(now); !got.Equal(now) {
		t.Errorf("the end is %v", got)
	}
}

func TestStep(t *testing.T) {
	from := at("2026-03-01T10:00:00Z")
	for _, c := range []struct {
		length, interval time.Duration
		points           int64
		want             time.Duration
	}{
		{time.Hour, time.Second, 1000, 10 * time.Second},
		{time.Hour, 30 * time.Second, 1000, 30 * time.Second},
		{time.Hour, time.Second, 30, 5 * time.Minute},
		{24 * time.Hour, 0, 0, 2 * time.Minute},
		{24 * time.Hour, 0, 1, 24 * time.Hour},
		{365 * 24 * time.Hour, 0, 10, 41 * 24 * time.Hour},
		{7 * 24 * time.Hour, 0, 100000, 10 * time.Minute},
		{-time.Hour, 0, 100, 10 * time.Second},
	} {
		r := Range{From: from, To: from.Add(c.length)}
		got := Step(r, c.interval, c.points)
		if got != c.want {
			t.Errorf("Step(%v, %v, %d) = %v, want %v", c.length, c.interval, c.points, got, c.want)
		}
	}
}
