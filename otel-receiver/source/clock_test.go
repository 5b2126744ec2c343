package source

import (
	"math"
	"slices"
	"testing"
	"time"
)

type ticks []int64

func (t *ticks) Frame(*Frame)   {}
func (t *ticks) Tick(now int64) { *t = append(*t, now) }

func TestClock(t *testing.T) {
	const step = int64(TickInterval)
	for _, tc := range []struct {
		name  string
		times []int64
		want  []int64
	}{
		{"begins", []int64{5}, []int64{5}},
		{"too little", []int64{5, 5 + step - 1}, []int64{5}},
		{"little adds up", []int64{5, 5 + step - 1, 5 + step}, []int64{5, 5 + step}},
		{"a gap", []int64{0, 3*step + 7}, []int64{0, step, 2 * step, 3 * step}},
		{"back", []int64{10 * step, step, 11 * step}, []int64{10 * step, 11 * step}},
		{"centuries", []int64{math.MinInt64, math.MaxInt64}, []int64{math.MinInt64, math.MaxInt64}},
	} {
		var c Clock
		var got ticks
		for _, at := range tc.times {
			c.To(&got, at)
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: ticks %v, want %v", tc.name, got, tc.want)
		}
	}
}

func TestClockBoundsGaps(t *testing.T) {
	var c Clock
	var got ticks
	c.To(&got, 0)
	end := int64(24 * time.Hour)
	c.To(&got, end)
	if len(got) != 1+maxCatchUp || got[len(got)-1] != end || c.Now() != end || !slices.IsSorted(got) {
		t.Errorf("%d ticks up to %d", len(got), got[len(got)-1])
	}
}
