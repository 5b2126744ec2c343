package lane

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// small has one place in each lane, and changes at once.
func small() Config {
	return Config{Quick: 1, Slow: 1, Waiting: 1, QuickFor: time.Nanosecond, Turn: time.Nanosecond, Memory: 100}
}

func enter(t *testing.T, l *Lanes) *Run {
	t.Helper()
	r, err := l.Enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// soon waits until the lanes are as asked.
func soon(t *testing.T, l *Lanes, is func(Stats) bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !is(l.Stats()); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not so after 10 s: %+v", l.Stats())
		}
	}
}

func TestQuickIsBounded(t *testing.T) {
	cfg := small()
	cfg.QuickFor = time.Hour
	l := New(cfg)
	first := enter(t, l)
	if err := first.Pace(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Enter(ctx); !errors.Is(err, ErrBusy) {
		t.Fatalf("entered a full lane: %v", err)
	}
	done := make(chan error, 1)
	go func() {
		second, err := l.Enter(t.Context())
		if err == nil {
			second.Leave()
		}
		done <- err
	}()
	soon(t, l, func(s Stats) bool { return s.QuickWaiting == 1 })
	first.Leave()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if s := l.Stats(); s.Quick != 0 || s.Refused != 1 || s.Moved != 0 {
		t.Fatalf("%+v", s)
	}
}

func TestSlowMakesRoomForQuick(t *testing.T) {
	l := New(small())
	long := enter(t, l)
	time.Sleep(time.Millisecond)
	if err := long.Pace(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := l.Stats(); s.Quick != 0 || s.Slow != 1 || s.Moved != 1 {
		t.Fatalf("%+v", s)
	}
	// Another has the quick lane while the long one runs on.
	other := enter(t, l)
	if err := long.Pace(t.Context()); err != nil {
		t.Fatal(err)
	}
	other.Leave()
	long.Leave()
	long.Leave() // twice does no harm
	if s := l.Stats(); s.Quick != 0 || s.Slow != 0 {
		t.Fatalf("%+v", s)
	}
}

func TestSlowAtOnce(t *testing.T) {
	cfg := small()
	cfg.QuickFor, cfg.Turn = time.Hour, time.Hour
	l := New(cfg)
	r := enter(t, l)
	for range 2 {
		if err := r.Slow(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if s := l.Stats(); s.Quick != 0 || s.Slow != 1 || s.Moved != 1 {
		t.Fatalf("%+v", s)
	}
	r.Leave()
}

func TestKeep(t *testing.T) {
	l := New(small())
	r := enter(t, l)
	if err := r.Slow(t.Context()); err != nil {
		t.Fatal(err)
	}
	next := enter(t, l)
	moved := make(chan error, 1)
	go func() { moved <- next.Slow(t.Context()) }()
	soon(t, l, func(s Stats) bool { return s.SlowWaiting == 1 })
	r.Keep()
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // it would not get its place again
	for end := time.Now().Add(time.Millisecond); time.Now().Before(end); {
		if err := r.Pace(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if s := l.Stats(); s.Slow != 1 || s.SlowWaiting != 1 {
		t.Errorf("%+v", s)
	}
	r.Leave()
	if err := <-moved; err != nil {
		t.Fatal(err)
	}
	next.Leave()
}

func TestSlowTakesTurns(t *testing.T) {
	l := New(small())
	a, b := enter(t, l), (*Run)(nil)
	time.Sleep(time.Millisecond)
	if err := a.Pace(t.Context()); err != nil {
		t.Fatal(err)
	}
	b = enter(t, l)
	time.Sleep(time.Millisecond)
	moved := make(chan error, 1)
	go func() { moved <- b.Pace(t.Context()) }()
	soon(t, l, func(s Stats) bool { return s.SlowWaiting == 1 })

	// A third that takes long finds no room, and goes on to be refused.
	c := enter(t, l)
	time.Sleep(time.Millisecond)
	if err := c.Pace(t.Context()); !errors.Is(err, ErrCrowded) {
		t.Fatalf("a third one waits: %v", err)
	}
	c.Leave()

	back := make(chan error, 1)
	go func() { back <- a.Pace(t.Context()) }() // a's turn is over
	if err := <-moved; err != nil {
		t.Fatal(err)
	}
	b.Leave()
	if err := <-back; err != nil {
		t.Fatal(err)
	}
	a.Leave()
}

func TestCancelledWhileWaiting(t *testing.T) {
	l := New(small())
	a := enter(t, l)
	time.Sleep(time.Millisecond)
	if err := a.Pace(t.Context()); err != nil {
		t.Fatal(err)
	}
	b := enter(t, l)
	time.Sleep(time.Millisecond)
	gone := errors.New("the client is gone")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(gone)
	if err := b.Pace(ctx); !errors.Is(err, gone) {
		t.Fatal(err)
	}
	b.Leave()
	a.Leave()
	if s := l.Stats(); s.Quick+s.Slow+s.QuickWaiting+s.SlowWaiting != 0 {
		t.Fatalf("%+v", s)
	}
}

func TestMemoryIsShared(t *testing.T) {
	l := New(small())
	a := enter(t, l)
	if !a.Take(60) || a.Take(41) || !a.Take(40) {
		t.Fatal("100 bytes are not 100 bytes")
	}
	a.Leave()
	b := enter(t, l)
	if !b.Take(100) || l.Stats().Memory != 100 {
		t.Fatal("memory was not given back")
	}
	b.Leave()
}

func TestRest(t *testing.T) {
	l := New(small())
	a := enter(t, l)
	a.Take(10)
	a.Rest()
	b := enter(t, l) // there is room now
	if err := a.Pace(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := a.Return(ctx); !errors.Is(err, ErrBusy) {
		t.Fatal(err)
	}
	b.Leave()
	if err := a.Return(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := a.Return(t.Context()); err != nil { // it is there
		t.Fatal(err)
	}
	if s := l.Stats(); s.Quick != 1 || s.Memory != 10 || s.Refused != 1 {
		t.Fatalf("%+v", s)
	}
	a.Leave()
	if s := l.Stats(); s.Quick != 0 || s.Memory != 0 {
		t.Fatalf("%+v", s)
	}
}

// Whatever queries do, never more run than may, nobody waits for ever, and in
// the end everything is free.
func TestNeverTooMany(t *testing.T) {
	cfg := Config{Quick: 3, Slow: 2, Waiting: 4, QuickFor: 50 * time.Microsecond, Turn: 50 * time.Microsecond, Memory: 1000}
	l := New(cfg)
	var running, refused, ended atomic.Int64
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(i), 1))
			for range 50 {
				ctx, cancel := context.WithTimeout(context.Background(), time.Duration(rnd.IntN(20_000))*time.Microsecond)
				query(ctx, l, rnd, &running, cfg, t, &refused, &ended)
				cancel()
			}
		})
	}
	wg.Wait()
	s := l.Stats()
	if s.Quick+s.Slow+s.QuickWaiting+s.SlowWaiting != 0 || s.Memory != 0 {
		t.Fatalf("not everything is free: %+v", s)
	}
	if s.Moved == 0 || ended.Load() == 0 {
		t.Errorf("the test tests too little: %+v, %d ended", s, ended.Load())
	}
}

func query(ctx context.Context, l *Lanes, rnd *rand.Rand, running *atomic.Int64, cfg Config, t *testing.T, refused, ended *atomic.Int64) {
	r, err := l.Enter(ctx)
	if err != nil {
		refused.Add(1)
		return
	}
	defer r.Leave()
	for range rnd.IntN(20) {
		if n := running.Add(1); n > int64(cfg.Quick+cfg.Slow) {
			t.Errorf("%d run at the same time", n)
		}
		r.Take(rnd.IntN(100))
		for begin := time.Now(); time.Since(begin) < 20*time.Microsecond; {
		}
		running.Add(-1)
		if err := r.Pace(ctx); err != nil {
			refused.Add(1)
			return
		}
	}
	ended.Add(1)
}

func BenchmarkPace(b *testing.B) {
	l := New(DefaultConfig())
	r, err := l.Enter(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer r.Leave()
	for b.Loop() {
		if err := r.Pace(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
