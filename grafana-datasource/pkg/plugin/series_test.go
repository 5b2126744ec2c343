package plugin

import (
	"testing"
	"time"
)

// TestFlowStep: long times are asked for by whole minutes, whose sums topologyd
// keeps.
func TestFlowStep(t *testing.T) {
	for _, c := range []struct{ length, step, want time.Duration }{
		{15 * time.Minute, 10 * time.Second, 10 * time.Second},
		{time.Hour, 15 * time.Second, time.Minute},
		{time.Hour, time.Minute, time.Minute},
		{7 * 24 * time.Hour, 605 * time.Second, 11 * time.Minute},
	} {
		if got := flowStep(c.length, c.step); got != c.want {
			t.Errorf("%v by %v: %v, want %v", c.length, c.step, got, c.want)
		}
	}
}
