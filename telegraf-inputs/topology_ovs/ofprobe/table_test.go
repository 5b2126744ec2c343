package ofprobe

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/skein-net/skein/internal/entity"
)

// world is a teller that keeps what it was told.
type world struct {
	state map[string]string
	sets  int
}

func (w *world) Set(ev entity.Event) {
	w.sets++
	w.state[ev.ID.Get(idMatch)] = ev.Attributes.Get("Content").Str()
}

func (w *world) Delete(ref entity.Ref, _ string) { delete(w.state, ref.ID.Get(idMatch)) }

// testItem is a rule named key with some content.
func testItem(key, content string, packets uint64) *item {
	return &item{
		key: key, sum: uint64(len(content)) + 100*uint64(content[0]), tag: idTable, value: "0", counters: true, packets: packets,
		event: func(*entity.Event) entity.Event {
			return entity.Event{
				Ref:        entity.Ref{Type: entity.TypeOFRule, ID: entity.NewIdentity(idMatch, key)},
				Attributes: entity.Attrs{entity.A("Content", entity.String(content))},
			}
		},
	}
}

func newTestTable(size int) *table {
	var t *table
	t = newTable(func() bool { return len(t.entries) < size })
	return t
}

func TestTableReads(t *testing.T) {
	tab, w := newTestTable(100), &world{state: make(map[string]string)}
	read := func(rules map[string]string, reads uint64) {
		tab.begin()
		for k, c := range rules {
			tab.seen(testItem(k, c, 0))
		}
		tab.end(reads, "gone")
		tab.flush(w)
	}
	expect := func(what string, want map[string]string) {
		t.Helper()
		if !maps.Equal(w.state, want) {
			t.Fatalf("%s: %v, want %v", what, w.state, want)
		}
	}
	read(map[string]string{"a": "1", "b": "1"}, 1)
	expect("first read", map[string]string{"a": "1", "b": "1"})
	sets := w.sets
	read(map[string]string{"a": "1", "b": "1"}, 1)
	if w.sets != sets {
		t.Fatalf("%d reports of what did not change", w.sets-sets)
	}
	read(map[string]string{"a": "2", "c": "1"}, 1)
	expect("second read", map[string]string{"a": "2", "c": "1"})

	// What a cut read does not have ends only when several agree.
	for range 2 {
		read(map[string]string{"a": "2"}, 3)
		expect("cut read", map[string]string{"a": "2", "c": "1"})
	}
	read(map[string]string{"a": "2"}, 3)
	expect("third cut read", map[string]string{"a": "2"})
	read(nil, 0)
	expect("cut read with changes told", map[string]string{"a": "2"})
}

func TestTableChangesDuringARead(t *testing.T) {
	tab, w := newTestTable(100), &world{state: make(map[string]string)}
	tab.begin()
	for _, k := range []string{"a", "b", "c"} {
		tab.seen(testItem(k, "1", 0))
	}
	tab.end(1, "gone")
	tab.flush(w)

	tab.begin() // the switch answers with what it had here
	tab.changed(testItem("a", "2", 0))
	tab.removed("b", "deleted")
	tab.changed(testItem("d", "1", 0))
	tab.flush(w)
	for _, k := range []string{"a", "b", "c"} {
		tab.seen(testItem(k, "1", 7))
	}
	tab.end(1, "gone")
	tab.flush(w)
	if want := map[string]string{"a": "2", "c": "1", "d": "1"}; !maps.Equal(w.state, want) {
		t.Fatalf("%v, want %v", w.state, want)
	}
	if got := tab.entries["a"].packets; got != 7 {
		t.Errorf("counters of a rule that changed meanwhile: %d, want 7", got)
	}
}

func TestTableMerges(t *testing.T) {
	tab, w := newTestTable(100), &world{state: make(map[string]string)}
	for i := range 100 {
		tab.changed(testItem("a", fmt.Sprint(i%10), 0))
		if i%3 == 0 {
			tab.removed("a", "deleted")
		}
	}
	tab.changed(testItem("a", "9", 0))
	tab.flush(w)
	if w.sets != 1 || w.state["a"] != "9" {
		t.Fatalf("%d reports, the last is %v", w.sets, w.state)
	}
	if tab.merged == 0 {
		t.Error("nothing counts as merged")
	}
	if tab.pending() {
		t.Error("something still waits")
	}
}

func TestTableRoom(t *testing.T) {
	tab, w := newTestTable(3), &world{state: make(map[string]string)}
	tab.begin()
	for i := range 10 {
		tab.seen(testItem(fmt.Sprint(i), "1", 0))
	}
	tab.end(1, "gone")
	tab.flush(w)
	if len(w.state) != 3 || tab.over != 7 {
		t.Fatalf("%d rules and %d over, want 3 and 7", len(w.state), tab.over)
	}
	tab.changed(testItem("new", "1", 0))
	tab.removed("9", "deleted") // one of those that are not known
	tab.removed("0", "deleted")
	if tab.over != 7 || len(tab.entries) != 2 {
		t.Fatalf("%d over and %d known, want 7 and 2", tab.over, len(tab.entries))
	}
	// The room is taken by the next read.
	tab.begin()
	for i := 1; i < 9; i++ {
		tab.seen(testItem(fmt.Sprint(i), "1", 0))
	}
	tab.end(1, "gone")
	tab.flush(w)
	if len(w.state) != 3 || tab.over != 5 {
		t.Fatalf("%d rules and %d over, want 3 and 5", len(w.state), tab.over)
	}
}

// TestTableTwins has a switch that tells two rules by one key: the first stands
// for both, and they do not take turns.
func TestTableTwins(t *testing.T) {
	tab, w := newTestTable(2), &world{state: make(map[string]string)}
	one, two, other := testItem("a", "1", 10), testItem("a", "2", 20), testItem("b", "1", 0)
	other.sum = 7
	for range 3 {
		tab.begin()
		for _, it := range []*item{one, two, other} {
			if !tab.same(it.sum, it.packets, it.bytes) {
				tab.seen(it)
			}
		}
		tab.end(1, "gone")
		tab.flush(w)
	}
	if w.sets != 2 || w.state["a"] != "1" || tab.entries["a"].packets != 10 {
		t.Errorf("%d reports, %v, %d packets", w.sets, w.state, tab.entries["a"].packets)
	}
	if tab.alike != 3 || tab.over != 0 || len(tab.entries) != 2 {
		t.Errorf("%d alike, %d over", tab.alike, tab.over)
	}
}

// TestTableSkipped counts what a read does not look at, but not what is known
// by changes.
func TestTableSkipped(t *testing.T) {
	tab := newTestTable(100)
	tab.begin()
	tab.seen(testItem("a", "1", 0))
	tab.skipped(5)
	tab.end(0, "gone")
	if tab.over != 5 {
		t.Errorf("%d over, want 5", tab.over)
	}
	tab.changed(testItem("b", "1", 0)) // one of the five
	tab.begin()
	tab.seen(testItem("a", "1", 0))
	tab.skipped(5)
	tab.end(0, "gone")
	if tab.over != 4 {
		t.Errorf("%d over, want 4", tab.over)
	}
}

func TestTableSame(t *testing.T) {
	tab, w := newTestTable(3), &world{state: make(map[string]string)}
	a := testItem("a", "1", 0)
	tab.begin()
	if tab.same(a.sum, 1, 1) {
		t.Fatal("known before it was seen")
	}
	tab.seen(a)
	tab.end(1, "gone")
	tab.begin()
	if !tab.same(a.sum, 5, 6) {
		t.Fatal("not known")
	}
	tab.end(1, "gone")
	tab.flush(w)
	if e := tab.entries["a"]; e == nil || e.packets != 5 || e.bytes != 6 {
		t.Fatalf("%+v", e)
	}
	tab.changed(testItem("a", "2", 0))
	if tab.same(a.sum, 5, 6) {
		t.Fatal("a change that is newer was overlooked")
	}
	tab.removed("a", "deleted")
	if len(tab.sums) != 0 {
		t.Fatalf("fingerprints stay: %v", tab.sums)
	}
}

// TestTableAgrees plays a switch that changes rules, tells it in order and is
// read now and then, against a table that is flushed at any time: in the end
// both hold the same.
func TestTableAgrees(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		tab, w := newTestTable(1000), &world{state: make(map[string]string)}
		rules := make(map[string]string)
		var answer map[string]string
		for range 200 {
			key, content := string(rune('a'+r.IntN(8))), string(rune('0'+r.IntN(4)))
			switch r.IntN(6) {
			case 0, 1:
				rules[key] = content
				it := testItem(key, content, 0)
				it.sum = 0
				tab.changed(it)
			case 2:
				if _, ok := rules[key]; ok {
					delete(rules, key)
					tab.removed(key, "deleted")
				}
			case 3:
				if answer == nil {
					answer = maps.Clone(rules)
					tab.begin()
				}
			case 4:
				for k, c := range answer {
					if it := testItem(k, c, 0); !tab.same(it.sum+1000*uint64(k[0]), 0, 0) {
						it.sum += 1000 * uint64(k[0])
						tab.seen(it)
					}
				}
				if answer != nil {
					tab.end(1, "gone")
				}
				answer = nil
			case 5:
				tab.flush(w)
			}
		}
		tab.flush(w)
		if !maps.Equal(w.state, rules) {
			t.Fatalf("seed %d: %v, want %v", seed, w.state, rules)
		}
		for k, c := range rules {
			if got := tab.entries[k].ev.Attributes.Get("Content").Str(); got != c {
				t.Fatalf("seed %d: %s is %s, want %s", seed, k, got, c)
			}
		}
	}
}
