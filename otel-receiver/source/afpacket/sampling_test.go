package afpacket

import (
	"math"
	"slices"
	"testing"

	"golang.org/x/net/bpf"
)

// TestSampledProgram runs the program that chooses, with numbers in place of
// those at random.
func TestSampledProgram(t *testing.T) {
	base := []bpf.RawInstruction{{Op: opRetK, K: 256}}
	if p, err := sampled(base, 1); err != nil || !slices.Equal(p, base) {
		t.Errorf("%v, %v", p, err)
	}
	p, err := sampled(base, 8)
	if err != nil {
		t.Fatal(err)
	}
	if p[0].K != 0xfffff038 {
		t.Errorf("%#x is not what the kernel gives a random number for", p[0].K)
	}
	p[0].K = 0 // the first word of the frame instead
	prog, ok := bpf.Disassemble(p)
	if !ok {
		t.Fatal("not a program")
	}
	vm, err := bpf.NewVM(prog)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 64 {
		want := 0
		if i%8 == 0 {
			want = 256
		}
		if got, err := vm.Run([]byte{0, 0, 0, byte(i)}); err != nil || got != want {
			t.Errorf("%d: %d, %v", i, got, err)
		}
	}
	if _, err := sampled(make([]bpf.RawInstruction, maxProgram), 2); err == nil {
		t.Error("a program that is too long")
	}
}

// TestRates gives frames, in order, the rate that they were chosen with, also
// when the clock is set back between two of them.
func TestRates(t *testing.T) {
	type frame struct {
		at   int64
		want uint32
	}
	all := rates(nil).then(100, 1).then(200, 8).then(300, 64)
	for name, tc := range map[string]struct {
		all    rates
		frames []frame
	}{
		"in turn":                    {all, []frame{{math.MinInt64, 0}, {100, 0}, {199, 0}, {200, 8}, {299, 8}, {300, 64}, {math.MaxInt64, 64}}},
		"none between":               {all, []frame{{100, 0}, {300, 64}}},
		"set back":                   {all, []frame{{200, 8}, {50, 8}, {199, 8}, {300, 64}, {50, 64}, {250, 64}}},
		"set back, then changed":     {all.then(20, 2), []frame{{10, 0}, {20, 2}, {10, 2}, {400, 2}}},
		"changed, set back, changed": {all.from(2).then(20, 2), []frame{{10, 64}, {19, 64}, {20, 2}, {300, 2}}},
		"none":                       {nil, []frame{{5, 0}}},
	} {
		left := tc.all
		for i, f := range tc.frames {
			if got := left.weight(f.at); got != f.want {
				t.Errorf("%s: frame %d at %d: %d, want %d", name, i, f.at, got, f.want)
			}
		}
	}
	for i := range int64(100) {
		before := slices.Clone(all)
		old := all
		all = old.then(1000+i, uint32(i+2))
		last := all[len(all)-1]
		if len(all) > maxRates || !slices.Equal(old, before) || last.nr != uint64(i)+3 {
			t.Fatalf("%v", all)
		}
		if left := all.from(last.nr - 1); len(left) != 2 {
			t.Fatalf("%v of %v", left, all)
		}
		if left := all.from(last.nr + 9); len(left) != 1 || left[0] != last {
			t.Fatalf("%v of %v", left, all)
		}
	}
}

func TestSetSamplingBounds(t *testing.T) {
	s, err := New(Config{Interface: "x"})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []uint32{0, 1, 2, 3, MaxSampling} {
		if err := s.SetSampling(n); err != nil {
			t.Error(err)
		}
	}
	if err := s.SetSampling(MaxSampling + 1); err == nil {
		t.Error("no error")
	}
	if s.sampling.rate != MaxSampling {
		t.Errorf("rate %d", s.sampling.rate)
	}
}
