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

func TestRates(t *testing.T) {
	r := rates(nil).then(100, 1).then(200, 8).then(300, 64).then(250, 2) // the clock was set back
	for _, tc := range []struct {
		at   int64
		want uint32
	}{{math.MinInt64, 0}, {100, 0}, {199, 0}, {200, 8}, {299, 8}, {300, 2}, {math.MaxInt64, 2}} {
		if got := r.of(tc.at); got != tc.want {
			t.Errorf("at %d: %d, want %d", tc.at, got, tc.want)
		}
	}
	for i := range int64(100) {
		old, before := r, r.of(1000)
		r = r.then(1000+i, uint32(i+2))
		if len(r) > maxRates || r[0].at != math.MinInt64 || old.of(1000) != before {
			t.Fatalf("%v", r)
		}
	}
	if rates(nil).of(5) != 0 {
		t.Error("a rate of none")
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
