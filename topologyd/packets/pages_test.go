package packets

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/skein-net/skein/internal/order"
)

// ring is a host that answers as collectors do: what it has at the beginning of a
// page, in messages of so many packets.
func ring(list *[]order.Packet, pages *int, before func()) func(context.Context, order.Fetch, func(*order.Packets, error) bool) {
	return func(_ context.Context, f order.Fetch, yield func(*order.Packets, error) bool) {
		if *pages++; before != nil {
			before()
		}
		m := &order.Packets{}
		var packets, bytes int64
		for _, p := range *list {
			if p.Time < f.From {
				continue
			}
			if f.MaxPackets > 0 && packets >= f.MaxPackets || f.MaxBytes > 0 && bytes+int64(len(p.Data)) > f.MaxBytes {
				break
			}
			packets, bytes = packets+1, bytes+int64(len(p.Data))
			if m.Packets = append(m.Packets, p); len(m.Packets) == 100 {
				if !yield(m, nil) {
					return
				}
				m = &order.Packets{}
			}
		}
		m.Done = true
		yield(m, nil)
	}
}

// TestPages has a host that keeps more than a page, not quite in order, with
// packets that look alike: each comes once.
func TestPages(t *testing.T) {
	for seed := range uint64(3) {
		r := rand.New(rand.NewPCG(seed, 7))
		w := newWorld()
		w.nodes["def-1"] = w.nodes["def-1"][:1]
		var list []order.Packet
		at := int64(1e9)
		step := []int64{100, 10_000, 1_000_000}[seed%3]
		for range 40_000 {
			at += r.Int64N(step)
			p := pk("def-1", "a", at-r.Int64N(overlap/2), 1)
			if r.IntN(5) == 0 && len(list) > 0 {
				p = list[len(list)-1] // once more
			}
			p.Data = append(slices.Clone(p.Data[:min(len(p.Data), 20)]), make([]byte, r.IntN(300))...)
			list = append(list, p)
		}
		pages := 0
		w.hosts["a"] = ring(&list, &pages, nil)
		a, err := w.service().Open(t.Context(), Query{Captures: w.defs})
		if err != nil {
			t.Fatal(err)
		}
		got, err := collect(a)
		if err != nil || pages < 2 || a.Summary().Lost != 0 {
			t.Fatalf("seed %d: %d pages, %v, %+v", seed, pages, err, a.Summary())
		}
		want := make(map[string]int)
		for i := range list {
			want[fmt.Sprint(list[i].Time, " ", string(list[i].Data))]++
		}
		for i := range got {
			want[fmt.Sprint(got[i].Time, " ", string(got[i].Data))]--
		}
		for k, n := range want {
			if n != 0 {
				t.Fatalf("seed %d: %.30q: %d missing of %d", seed, k, n, len(list))
			}
		}
	}
}

// TestPagesOvertaken has a host that overwrites what is being fetched, faster than
// that is: it is told, and it ends.
func TestPagesOvertaken(t *testing.T) {
	w := newWorld()
	w.nodes["def-1"] = w.nodes["def-1"][:1]
	var list []order.Packet
	at := int64(1e9)
	fill := func() {
		list = list[:0]
		for range 20_000 {
			at += 1e5
			p := pk("def-1", "a", at, 1)
			p.Data = make([]byte, 1000)
			list = append(list, p)
		}
	}
	pages := 0
	w.hosts["a"] = ring(&list, &pages, fill)
	a, err := w.service().Open(t.Context(), Query{Captures: w.defs})
	if err != nil {
		t.Fatal(err)
	}
	got, err := collect(a)
	if s := a.Summary(); err != nil || s.Lost == 0 || s.Bytes > capacity+2*pageMost || len(got) < 20_000 {
		t.Errorf("%d packets in %d pages, %v, %+v", len(got), pages, err, s)
	}
	// No page is asked for that is not needed.
	pages = 0
	a, err = w.service().Open(t.Context(), Query{Captures: w.defs, MaxPackets: 100})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := collect(a); err != nil || len(got) != 100 || pages != 1 || a.Summary().Limit != LimitPackets {
		t.Errorf("%d packets in %d pages, %v, %+v", len(got), pages, err, a.Summary())
	}
}

// TestPagesOfOneMoment has more packets of one moment than fit into a page: what
// fits comes, and then what is later.
func TestPagesOfOneMoment(t *testing.T) {
	w := newWorld()
	w.nodes["def-1"] = w.nodes["def-1"][:1]
	var list []order.Packet
	for i := range 10_000 {
		p := pk("def-1", "a", 1e9, 1)
		p.Data = append(make([]byte, 1000), fmt.Sprint(i)...)
		list = append(list, p)
	}
	list = append(list, pk("def-1", "a", 2e9, 1))
	pages := 0
	w.hosts["a"] = ring(&list, &pages, nil)
	a, err := w.service().Open(t.Context(), Query{Captures: w.defs})
	if err != nil {
		t.Fatal(err)
	}
	got, err := collect(a)
	if err != nil || len(got) < pageMost/1100 || got[len(got)-1].Time != 2e9 {
		t.Errorf("%d packets in %d pages, %v", len(got), pages, err)
	}
}
