package afpacket

import (
	"fmt"
	"sync"

	"golang.org/x/net/bpf"

	"github.com/skein-net/skein/otel-receiver/source"
)

// MaxSampling bounds the rate of SetSampling: one frame of so many.
const MaxSampling = 1 << 16

var _ source.Sampler = (*Source)(nil)

// sampling is the rate of a source, and the rings that follow it.
type sampling struct {
	mu   sync.Mutex
	rate uint32 // 0 is 1
	open []*ring
}

// SetSampling implements [source.Sampler]: the kernel chooses frames before
// anything else is done with them, and those that are in the ring already keep
// the rate that they were chosen with. A frame that is looked at while the rate
// changes may be told with the other one. n is 1 to MaxSampling. When the kernel
// refuses, some workers' frames may have the new rate already; their weights
// are right all the same.
func (s *Source) SetSampling(n uint32) error {
	n = max(n, 1)
	if n > MaxSampling {
		return fmt.Errorf("sample one frame of %d: want 1 to %d", n, MaxSampling)
	}
	s.sampling.mu.Lock()
	defer s.sampling.mu.Unlock()
	for _, r := range s.sampling.open {
		if err := r.sample(n); err != nil {
			return fmt.Errorf("sample one frame of %d: %w", n, err)
		}
	}
	s.sampling.rate = n
	return nil
}

// Operations and the extension that choose frames at random.
const (
	opLoadAbsW = 0x20            // ld [k]
	opMod      = 0x94            // mod #k
	adRandom   = 0xfffff000 + 56 // SKF_AD_OFF + SKF_AD_RANDOM
)

// sampled puts what chooses one frame of n at random in front of a program.
func sampled(prog []bpf.RawInstruction, n uint32) ([]bpf.RawInstruction, error) {
	if n <= 1 {
		return prog, nil
	}
	out := make([]bpf.RawInstruction, 0, len(prog)+5)
	out = append(out,
		bpf.RawInstruction{Op: opLoadAbsW, K: adRandom},
		bpf.RawInstruction{Op: opMod, K: n},
		bpf.RawInstruction{Op: opJumpEq, Jt: 1, Jf: 0},
		bpf.RawInstruction{Op: opRetK},
		bpf.RawInstruction{Op: opLoadImm},
	)
	out = append(out, prog...)
	if len(out) > maxProgram {
		return nil, fmt.Errorf("filter has %d instructions with sampling: the kernel takes %d", len(out), maxProgram)
	}
	return out, nil
}

// since is a rate, the time in Unix nanoseconds from which on it is in force, and
// its number: how many there were before.
type since struct {
	at   int64
	nr   uint64
	rate uint32
}

// rates are rates of a ring that followed one another: the first is in force, the
// others come into force in turn.
type rates []since

// maxRates is how many of them are kept: what is in a ring is seconds old at
// most, and rates do not change much more often.
const maxRates = 16

// then returns a copy of the rates with one more.
func (r rates) then(at int64, rate uint32) rates {
	out := make(rates, 0, len(r)+1)
	out = append(out, r[max(0, len(r)-maxRates+1):]...)
	next := since{at: at, rate: rate}
	if len(out) > 0 {
		next.nr = out[len(out)-1].nr + 1
	}
	return append(out, next)
}

// from returns the rates that are not over at the one with that number.
func (r rates) from(nr uint64) rates {
	for len(r) > 1 && r[0].nr < nr {
		r = r[1:]
	}
	return r
}

// weight returns the weight of the next frame, 0 for 1, and leaves out the rates
// that are over by then. What came into force stays so when the clock is set back.
func (r *rates) weight(at int64) uint32 {
	for i := len(*r) - 1; i > 0; i-- {
		if at >= (*r)[i].at {
			*r = (*r)[i:]
			break
		}
	}
	if len(*r) == 0 || (*r)[0].rate <= 1 {
		return 0
	}
	return (*r)[0].rate
}
