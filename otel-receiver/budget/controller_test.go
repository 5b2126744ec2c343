package budget

import (
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestSteps(t *testing.T) {
	calm := func(n int) []int { return slices.Repeat([]int{10}, n) }
	for _, tc := range []struct {
		name string
		cfg  Config
		used []int
		want uint32
	}{
		{"no budget", Config{Least: 3}, []int{1000, 1000, 1000}, 3},
		{"within", Config{CPU: 50}, []int{50, 50, 30, 50}, 1},
		{"a little above", Config{CPU: 50}, []int{51}, 2},
		{"far above", Config{CPU: 50}, []int{1000}, 32},
		{"still settling", Config{CPU: 50}, []int{51, 100}, 2},
		{"and again", Config{CPU: 50}, []int{51, 100, 100}, 4},
		{"least is no power of two", Config{CPU: 50, Least: 10}, []int{51}, 32},
		{"back to the least", Config{CPU: 50, Least: 10}, append([]int{51}, calm(20)...), 10},
		{"never below the least", Config{CPU: 50, Least: 10}, calm(100), 10},
		{"never above the most", Config{CPU: 1}, []int{4000, 4000, 4000, 4000, 4000, 4000, 4000, 4000, 4000}, MaxRate},
		{"not calm enough", Config{CPU: 50}, append([]int{51}, calm(9)...), 2},
		{"calm", Config{CPU: 50}, append([]int{51}, calm(10)...), 1},
		{"calm interrupted", Config{CPU: 50}, append(append([]int{51}, calm(9)...), append([]int{30}, calm(9)...)...), 2},
		{"regret", Config{CPU: 50}, append(append([]int{51}, calm(10)...), append([]int{60}, calm(19)...)...), 2},
		{"and its end", Config{CPU: 50}, append(append([]int{51}, calm(10)...), append([]int{60}, calm(20)...)...), 1},
		{"least beyond bounds", Config{CPU: 50, Least: 1 << 30}, []int{51}, MaxRate},
	} {
		c := New(tc.cfg)
		for _, u := range tc.used {
			c.Next(u)
		}
		if c.Rate() != tc.want {
			t.Errorf("%s: rate %d, want %d", tc.name, c.Rate(), tc.want)
		}
	}
}

func TestValidate(t *testing.T) {
	for _, c := range []Config{{CPU: -1}, {Least: MaxRate + 1}} {
		if c.Validate() == nil {
			t.Errorf("%+v passes", c)
		}
	}
	if err := (Config{CPU: 50, Least: 3}).Validate(); err != nil {
		t.Error(err)
	}
}

// load is what a capture costs, in a model: so much for each packet that it
// looks at, and so much whatever comes, up to the cores it has.
type load struct {
	packets, perPacket float64 // a second; thousandths of a core for one a second
	fixed, cores       float64
}

func (l load) used(rate uint32) float64 {
	return min(l.fixed+l.packets*l.perPacket/float64(rate), l.cores*1000)
}

// TestConverges has any load get within its budget in a few seconds, never
// sample more than four times of what it must for long, and the rate stay where
// it is.
func TestConverges(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 9))
		cfg := Config{CPU: 20 + rng.IntN(500), Least: uint32(1 + rng.IntN(20)*rng.IntN(2))}
		c := New(cfg)
		l := load{perPacket: 1e-3 * (0.1 + rng.Float64()), fixed: float64(cfg.CPU) * 0.3 * rng.Float64(), cores: float64(1 + rng.IntN(4))}
		noise := rng.Float64() * 0.15
		step := func() (used float64) {
			used = l.used(c.Rate()) * (1 + noise*(2*rng.Float64()-1))
			c.Next(int(used))
			if r := c.Rate(); r < c.cfg.Least || r > MaxRate || r != c.cfg.Least && bits.OnesCount32(r) != 1 {
				t.Fatalf("seed %d: rate %d", seed, r)
			}
			return used
		}
		for phase := range 5 {
			l.packets = float64(rng.IntN(1 << (10 + rng.IntN(13))))
			for range 10 {
				step()
			}
			over, changes, last := 0, 0, c.Rate()
			for s := range 2000 {
				used := step()
				if int(used) > cfg.CPU {
					over++
				}
				if c.Rate() != last {
					if s > 300 {
						changes++
					}
					last = c.Rate()
				}
			}
			// At the edge of half of the budget noise has it try once in a while.
			if over > 20 || changes > 8 {
				t.Errorf("seed %d, phase %d: %d of 2000 s above the budget, %d changes: %+v, %+v, noise %.2f, rate %d", seed, phase, over, changes, cfg, l, noise, c.Rate())
			}
			if r := c.Rate(); r > c.cfg.Least && l.used(r/4)*(1+noise) < float64(cfg.CPU)/2 {
				t.Errorf("seed %d, phase %d: rate %d uses %.0f of %d, a quarter of it %.0f", seed, phase, r, l.used(r), cfg.CPU, l.used(r/4))
			}
		}
	}
}

// TestBursts has bursts of any length be answered: no more than a few seconds of
// each are above the budget.
func TestBursts(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 10))
		c := New(Config{CPU: 50})
		quiet, loud := load{packets: 1000, perPacket: 1e-3, cores: 1}, load{packets: float64(int(1) << (15 + rng.IntN(8))), perPacket: 1e-3, cores: 1}
		for burst := range 50 {
			row := 0
			for range 1 + rng.IntN(60) {
				if int(loud.used(c.Rate())) > 50 {
					if row++; row > 12 {
						t.Fatalf("seed %d, burst %d: %d s above the budget, rate %d, %+v", seed, burst, row, c.Rate(), loud)
					}
				} else {
					row = 0
				}
				c.Next(int(loud.used(c.Rate())))
			}
			for range 1 + rng.IntN(60) {
				c.Next(int(quiet.used(c.Rate())))
			}
		}
	}
}

// TestHalfTheBudgetIsNotTooMuch has the rate that follows from what is used not
// be undone by the doubling that it makes.
func TestHalfTheBudgetIsNotTooMuch(t *testing.T) {
	for _, packets := range []float64{1e4, 24e3, 25e3, 26e3, 49e3, 51e3, 1e5, 1e6} {
		c := New(Config{CPU: 50})
		l := load{packets: packets, perPacket: 1e-3, cores: 1}
		for range 60 {
			c.Next(int(l.used(c.Rate())))
		}
		rate := c.Rate()
		for range 3600 {
			if c.Next(int(l.used(c.Rate()))); c.Rate() != rate {
				t.Fatalf("%.0f packets: from rate %d to %d", packets, rate, c.Rate())
			}
		}
		if used := l.used(rate); used > 50 || rate > 1 && used < 12 {
			t.Errorf("%.0f packets: rate %d uses %.0f", packets, rate, used)
		}
	}
}

// FuzzController has any use leave the rate in its bounds.
func FuzzController(f *testing.F) {
	f.Add(50, uint32(1), []byte{200, 1, 1, 1})
	f.Add(1, uint32(10), []byte{255, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, cpu int, least uint32, used []byte) {
		c := New(Config{CPU: cpu, Least: least})
		low := min(max(least, 1), MaxRate)
		last := c.Rate()
		for i, u := range used {
			r := c.Next(int(u) << (i % 24))
			if r < low || r > MaxRate || cpu <= 0 && r != low || r < last && r != max(last/2, low) && r != below(last) {
				t.Fatalf("rate %d after %d, least %d", r, last, low)
			}
			last = r
		}
	})
}
