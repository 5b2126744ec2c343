package daemon

import (
	"log/slog"
	"math"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"

	"github.com/skein-net/skein/topologyd/config"
)

// How much garbage may pile up before it is collected. Go's own rule, as much
// as there is of live memory (GOGC=100), has small heaps collected all the time
// under load, which those feel who wait for an answer, and wastes a whole
// graph's worth on large ones. A large graph is mostly free of pointers, so
// that collecting it often is cheap.
const (
	// spareBytes is how much garbage there may be.
	spareBytes = 256 << 20
	// spareMost is the most of it, in percent of live memory, for small heaps.
	spareMost = 300
	// spareShare is the garbage, in percent of live memory, of large heaps.
	spareShare = 25
	// percentStep rounds percentages: setting one stops the process for a moment.
	percentStep = 5
)

// garbagePercent is the GOGC for a size of live memory: spareMost for little,
// then spareBytes, then spareShare.
func garbagePercent(live uint64) int {
	p := float64(spareBytes) / float64(max(live, 1)) * 100
	return int(min(max(math.Ceil(p/percentStep)*percentStep, spareShare), spareMost))
}

// Memory that is free is given back to the system once the process has been
// quiet for quietFor: less was allocated than quietShare of live memory, in
// percent, and it is worth it.
const (
	heapEvery    = 250 * time.Millisecond
	quietFor     = 10 * time.Second
	quietShare   = 10
	worthBytes   = 32 << 20
	worthPercent = 5
)

// heapState is what the runtime says of the heap, in bytes.
type heapState struct {
	live  uint64 // marked by the last collection
	spent uint64 // allocated since the start of the process
	idle  uint64 // not in use, and not given back: garbage and free pages
}

// heap keeps the memory of the process near what is live.
type heap struct {
	read       func() heapState
	setPercent func(int) int
	free       func()
	log        *slog.Logger

	percent int
	tuned   bool // percent may be set
	quiet   time.Time
	spent   uint64 // at quiet
	freed   bool   // since quiet began
}

// step looks at the heap once.
func (h *heap) step(now time.Time) {
	s := h.read()
	if p := garbagePercent(s.live); h.tuned && p != h.percent {
		h.setPercent(p)
		h.percent = p
	}
	if s.spent-h.spent > s.live/100*quietShare {
		h.quiet, h.spent, h.freed = now, s.spent, false
		return
	}
	if !h.freed && now.Sub(h.quiet) >= quietFor {
		h.freed = true
		if s.idle > worthBytes && s.idle > s.live/100*worthPercent {
			h.free()
			after := h.read()
			h.log.Debug("memory given back", "live", after.live, "before", s.idle, "after", after.idle)
			h.spent = after.spent
		}
	}
}

// KeepHeap has the process hold little more memory than what is live, until
// stop is called, and sets the limit towards which it collects garbage more
// often, 0 for none. It is for a whole process: GOGC in the environment,
// which lookup reads, leaves the percentage alone.
func KeepHeap(limit config.ByteSize, lookup func(string) (string, bool), log *slog.Logger) (stop func()) {
	if limit > 0 {
		debug.SetMemoryLimit(int64(limit))
	}
	_, set := lookup("GOGC")
	h := &heap{read: readHeap(), setPercent: debug.SetGCPercent, free: debug.FreeOSMemory, log: log, percent: 100, tuned: !set, quiet: time.Now()}
	end := make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		tick := time.NewTicker(heapEvery)
		defer tick.Stop()
		for {
			select {
			case now := <-tick.C:
				h.step(now)
			case <-end:
				return
			}
		}
	})
	return sync.OnceFunc(func() {
		close(end)
		wait.Wait()
	})
}

// readHeap returns a reader of the runtime's metrics.
func readHeap() func() heapState {
	samples := []metrics.Sample{
		{Name: "/gc/heap/live:bytes"}, {Name: "/gc/heap/allocs:bytes"}, {Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/free:bytes"},
	}
	return func() heapState {
		metrics.Read(samples)
		var v [4]uint64
		for i := range samples {
			if samples[i].Value.Kind() == metrics.KindUint64 {
				v[i] = samples[i].Value.Uint64()
			}
		}
		s := heapState{live: v[0], spent: v[1], idle: v[3]}
		if v[2] > s.live {
			s.idle += v[2] - s.live
		}
		return s
	}
}
