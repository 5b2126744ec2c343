package gremlin

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestSlotSet: sets and maps hold what was put into them, whatever form they
// have by then, and stop the run when they would take too much.
func TestSlotSet(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for _, slots := range []int{1, 63, 64, 1000, 10_000, 300_000} {
		x := &exec{ctx: t.Context(), lim: Limits{}.filled(), start: time.Now()}
		set, numbers := x.slotSet(slots), x.slotMap(slots)
		want := map[int32]int32{}
		for range min(2*slots, 50_000) {
			slot := rnd.Int32N(int32(slots))
			_, known := want[slot]
			if set.has(slot) != known || set.add(slot) == known || numbers.get(slot) != want[slot] {
				t.Fatalf("%d of %d: was there: %v, number %d, want %d", slot, slots, known, numbers.get(slot), want[slot])
			}
			want[slot] = 1 + rnd.Int32()>>1
			if !numbers.put(slot, want[slot]) {
				t.Fatal(x.err)
			}
		}
		for slot := range int32(slots) {
			if n, known := want[slot]; set.has(slot) != known || numbers.get(slot) != n {
				t.Fatalf("%d of %d: got %v and %d, want %d", slot, slots, set.has(slot), numbers.get(slot), n)
			}
		}
	}
	x := &exec{ctx: t.Context(), lim: Limits{Memory: 1}.filled(), start: time.Now()}
	if x.slotSet(1000).add(1) || x.err == nil {
		t.Errorf("a set of more than there may be: %v", x.err)
	}
	if x.err = nil; x.slotMap(1<<20).put(1, 1) || x.err == nil {
		t.Errorf("a map of more than there may be: %v", x.err)
	}
}
