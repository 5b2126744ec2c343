package daemon

import (
	"log/slog"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"
	"time"
)

func TestGarbagePercent(t *testing.T) {
	for live, want := range map[uint64]int{
		0: 300, 1 << 20: 300, 85 << 20: 300, 128 << 20: 200, 256 << 20: 100, 257 << 20: 100, 320 << 20: 80, 512 << 20: 50, 800 << 20: 35,
		1 << 30: 25, 64 << 30: 25,
	} {
		if got := garbagePercent(live); got != want {
			t.Errorf("%d MiB: %d, want %d", live>>20, got, want)
		}
	}
	for live := uint64(1 << 20); live < 1<<36; live += live / 10 {
		a, b := garbagePercent(live), garbagePercent(live+live/10)
		if b > a {
			t.Errorf("%d then %d for more", a, b)
		}
		if spare := live / 100 * uint64(a); spare > max(spareBytes+live/100*percentStep, live/100*spareShare) {
			t.Errorf("%d MiB of garbage for %d MiB", spare>>20, live>>20)
		}
	}
}

func TestHeapSteps(t *testing.T) {
	const mb = 1 << 20
	var s heapState
	var percents []int
	freed := 0
	now := time.Unix(1_700_000_000, 0)
	h := &heap{
		read: func() heapState { return s }, setPercent: func(p int) int { percents = append(percents, p); return 0 },
		free: func() { freed++; s.idle = 0 }, log: slog.New(slog.DiscardHandler), percent: 100, tuned: true, quiet: now,
	}
	run := func(live, spent, idle uint64, d time.Duration) {
		s = heapState{live, h.spent + spent, idle}
		for end := now.Add(d); now.Before(end); {
			now = now.Add(heapEvery)
			h.step(now)
		}
	}
	run(1*mb, 1*mb, 1*mb, time.Minute)
	if !slices.Equal(percents, []int{300}) || freed != 0 {
		t.Errorf("a small heap: %v, %d times freed", percents, freed)
	}
	for live := uint64(100); live <= 1000; live += 100 { // it grows
		run(live*mb, live/2*mb, live*mb, 2*time.Second)
	}
	if want := []int{300, 260, 130, 90, 65, 55, 45, 40, 35, 30}; !slices.Equal(percents, want) || freed != 0 {
		t.Errorf("%v, want %v; %d times freed", percents, want, freed)
	}
	run(1000*mb, 0, 400*mb, 30*time.Second)
	if freed != 1 {
		t.Errorf("quiet: %d times freed", freed)
	}
	run(1000*mb, 0, 400*mb, time.Hour)
	if freed != 1 {
		t.Errorf("still quiet: %d times freed", freed)
	}
	run(1000*mb, 200*mb, 400*mb, 5*time.Second)
	run(1000*mb, 0, 40*mb, 30*time.Second)
	if freed != 1 {
		t.Errorf("not worth it: %d times freed", freed)
	}
	run(1000*mb, 200*mb, 60*mb, 30*time.Second)
	if freed != 2 {
		t.Errorf("quiet again: %d times freed", freed)
	}
	h.tuned, percents = false, nil
	run(100*mb, 0, 0, time.Minute)
	if percents != nil {
		t.Errorf("GOGC is given: %v", percents)
	}
}

func TestKeepHeap(t *testing.T) {
	before := debug.SetGCPercent(100)
	defer debug.SetGCPercent(before)
	limit := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(limit)
	stop := KeepHeap(1<<40, func(string) (string, bool) { return "", false }, slog.New(slog.DiscardHandler))
	if got := debug.SetMemoryLimit(-1); got != 1<<40 {
		t.Errorf("limit %d", got)
	}
	stop()
	stop()
	runtime.GC()
	s := readHeap()()
	if s.live == 0 || s.spent < s.live {
		t.Errorf("%+v", s)
	}
}
