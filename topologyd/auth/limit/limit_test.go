package limit

import (
	"fmt"
	"math"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestTake(t *testing.T) {
	l, err := New[string](Config{Rate: 10, Burst: 3, Clients: 10})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1e9, 0)
	steps := []struct {
		after  time.Duration
		client string
		ok     bool
		wait   time.Duration
	}{
		{0, "a", true, 0},
		{0, "a", true, 0},
		{0, "a", true, 0},
		{0, "a", false, 100 * time.Millisecond},
		{0, "b", true, 0}, // the other one is not refused
		{50 * time.Millisecond, "a", false, 50 * time.Millisecond},
		{50 * time.Millisecond, "a", true, 0},
		{0, "a", false, 100 * time.Millisecond},
		{time.Hour, "a", true, 0}, // full again, and no fuller
		{0, "a", true, 0},
		{0, "a", true, 0},
		{0, "a", false, 100 * time.Millisecond},
	}
	for i, s := range steps {
		at = at.Add(s.after)
		wait := l.EmptyAt(s.client, at)
		if !near(wait, s.wait) {
			t.Errorf("step %d: empty for %v, want %v", i, wait, s.wait)
		}
		ok, wait := l.TakeAt(s.client, at)
		if ok != s.ok || !near(wait, s.wait) {
			t.Errorf("step %d: %v %v, want %v %v", i, ok, wait, s.ok, s.wait)
		}
	}
	if wait := l.EmptyAt("never asked", at); wait != 0 {
		t.Error(wait)
	}
	if s := l.Stats(); s != (Stats{Clients: 2}) {
		t.Error(s)
	}
}

// near allows for the rounding of fractions of a token.
func near(a, b time.Duration) bool { return (a - b).Abs() < time.Microsecond }

// TestSpend: what was spent beyond what was there is missing; others are not charged.
func TestSpend(t *testing.T) {
	l, err := New[string](Config{Rate: 10, Burst: 100, Clients: 10})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1e9, 0)
	for _, s := range []struct {
		after time.Duration
		spend int
		wait  time.Duration
	}{
		{0, 60, 0},
		{0, 60, 2100 * time.Millisecond},
		{time.Second, 0, 1100 * time.Millisecond},
		{1100 * time.Millisecond, 0, 0},
		{0, 1_000_000, 640 * time.Second},
		{0, 40, 644 * time.Second},
		{time.Hour, 99, 0},
	} {
		at = at.Add(s.after)
		l.SpendAt("a", s.spend, at)
		if wait := l.EmptyAt("a", at); !near(wait, s.wait) {
			t.Errorf("after %d: empty for %v, want %v", s.spend, wait, s.wait)
		}
		if wait := l.EmptyAt("b", at); wait != 0 {
			t.Errorf("b waits %v", wait)
		}
	}
}

// TestBounded: however many clients there are, so many are kept, those that asked
// last; looking does not count as asking.
func TestBounded(t *testing.T) {
	l, err := New[int](Config{Rate: 1e-9, Burst: 1, Clients: 100})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1e9, 0)
	for i := range 1000 {
		l.TakeAt(i, at)
	}
	if s := l.Stats(); s != (Stats{Clients: 100, Forgotten: 900}) {
		t.Error(s)
	}
	if l.EmptyAt(899, at) != 0 || l.EmptyAt(900, at) == 0 {
		t.Error("not the eldest were forgotten")
	}
	l.TakeAt(1000, at) // 900 goes, although it was looked at
	if l.EmptyAt(900, at) != 0 || l.EmptyAt(901, at) == 0 {
		t.Error("looking at a client kept it")
	}
}

func TestConcurrent(t *testing.T) {
	l, err := New[int](Config{Rate: 1e-9, Burst: 50, Clients: 8})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	taken := make(map[int]int)
	for range 8 {
		wg.Go(func() {
			for i := range 400 {
				client := i % 8
				if ok, _ := l.Take(client); ok {
					mu.Lock()
					taken[client]++
					mu.Unlock()
				}
				l.Empty(client)
			}
		})
	}
	wg.Wait()
	for client := range 8 {
		if taken[client] != 50 {
			t.Errorf("client %d: %d of 50", client, taken[client])
		}
	}
}

func TestValidate(t *testing.T) {
	if err := DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
	for want, c := range map[string]Config{
		"rate":    {Burst: 1, Clients: 1},
		"rate N":  {Rate: math.NaN(), Burst: 1, Clients: 1},
		"rate +":  {Rate: math.Inf(1), Burst: 1, Clients: 1},
		"burst":   {Rate: 1, Clients: 1},
		"clients": {Rate: 1, Burst: 1},
	} {
		if _, err := New[string](c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestAddress(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.1":            "192.0.2.1",
		"::ffff:192.0.2.1":     "192.0.2.1",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::",
		"2001:db8:1:2:ffff::":  "2001:db8:1:2::",
		"2001:db8:1:3::1":      "2001:db8:1:3::",
		"fe80::1%eth0":         "fe80::",
		"::1":                  "::",
	} {
		if got := Address(netip.MustParseAddr(in)); got.String() != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
	if got := Address(netip.Addr{}); got.IsValid() {
		t.Error(got)
	}
}

func BenchmarkTake(b *testing.B) {
	for _, clients := range []int{1, 65536, 1 << 20} {
		b.Run(fmt.Sprint(clients), func(b *testing.B) {
			l, err := New[Client](DefaultConfig())
			if err != nil {
				b.Fatal(err)
			}
			keys := make([]Client, clients)
			for i := range keys {
				keys[i].Address = netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				l.Take(keys[i%clients])
			}
		})
	}
}
