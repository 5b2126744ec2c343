package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skein-net/skein/topologyd/gremlin"
)

// TestPaceCountsWaiting stops what is called for a while: all calls that were
// due meanwhile are late, although few could run.
func TestPaceCountsWaiting(t *testing.T) {
	const rate, stopped = 1000, 100 * time.Millisecond
	free := make(chan struct{})
	time.AfterFunc(stopped, func() { close(free) })
	begin := time.Now()
	all := pace(t.Context(), rate, 200*time.Millisecond, 2, func(context.Context, int) error {
		<-free
		return nil
	})
	if len(all) != rate/5 {
		t.Fatalf("%d calls", len(all))
	}
	slices.SortFunc(all, func(a, b sample) int { return a.n - b.n })
	for i, s := range all {
		if s.n != i {
			t.Fatalf("call %d is number %d", i, s.n)
		}
		due := time.Duration(i) * time.Second / rate
		if due+s.took > time.Since(begin) {
			t.Errorf("call %d took %v, more than there was", i, s.took)
		}
		if due < stopped/2 && s.took < stopped/2-5*time.Millisecond {
			t.Errorf("call %d was due after %v and took %v, although nothing went on for %v", i, due, s.took, stopped)
		}
	}
}

func TestPaceEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	all := pace(ctx, 100, time.Hour, 3, func(_ context.Context, n int) error {
		if n == 3 {
			cancel()
		}
		return errors.New("no")
	})
	var sum tally
	for _, s := range all {
		sum.add(s)
	}
	if len(all) < 4 || len(all) > 20 || sum.failed != len(all) || sum.err == nil || len(sum.took) != 0 {
		t.Errorf("%d calls, %+v", len(all), sum)
	}
}

// TestMix: the shares are whole, and the queries are of the language.
func TestMix(t *testing.T) {
	sum := 0
	for _, k := range kinds() {
		sum += k.share
	}
	if sum != 100 {
		t.Errorf("shares add up to %d", sum)
	}
	m := newMix("http://x", 10_000, 5000)
	seen := make([]int, len(m.kinds))
	for i, k := range m.of {
		seen[k]++
		if !strings.HasPrefix(m.urls[i], "http://x/api/v1/query?gremlin=G.V") {
			t.Fatal(m.urls[i])
		}
	}
	for i, k := range m.kinds {
		if share := seen[i] * 100 / len(m.of); share < k.share-3 || share > k.share+3 {
			t.Errorf("%s: %d %% instead of %d", k.name, share, k.share)
		}
	}
	for _, n := range []int{1000, 10_000, 1_000_000} {
		for _, q := range queries(n) {
			if _, err := gremlin.Parse(q.gremlin); err != nil {
				t.Errorf("%s: %v", q.gremlin, err)
			}
		}
	}
}
