package afpacket

import (
	"fmt"
	"slices"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// begin lets the rings have frames, those of one and the same moment: all
// refuse everything until here, so that no frame was seen by two workers.
func (s *Source) begin(rings []*ring, prog []bpf.RawInstruction) error {
	s.sampling.mu.Lock()
	defer s.sampling.mu.Unlock()
	for _, r := range rings {
		r.program, r.sampling = prog, &s.sampling
		if err := r.sample(max(s.sampling.rate, 1)); err != nil {
			return err
		}
		s.sampling.open = append(s.sampling.open, r)
		s.memory.Add(int64(len(r.mem)))
	}
	return nil
}

// finish forgets the rings, which are then closed.
func (s *Source) finish(rings []*ring) {
	s.sampling.mu.Lock()
	defer s.sampling.mu.Unlock()
	for _, r := range rings {
		if i := slices.Index(s.sampling.open, r); i >= 0 {
			s.sampling.open = slices.Delete(s.sampling.open, i, i+1)
			s.memory.Add(-int64(len(r.mem)))
		}
	}
}

// sample has the kernel choose one frame of n. The source's sampling.mu must be
// held.
func (r *ring) sample(n uint32) error {
	var last rates
	if p := r.rates.Load(); p != nil {
		last = *p
		if r.ending || last[len(last)-1].rate == n {
			return nil
		}
	}
	prog, err := sampled(r.program, n)
	if err != nil {
		return err
	}
	raw, err := sockProgram(prog)
	if err != nil {
		return err
	}
	if err := setFilter(r.fd, raw); err != nil {
		return err
	}
	// The kernel first makes the program ready and then takes it: that was now.
	next := last.then(time.Now().UnixNano(), n)
	r.rates.Store(&next)
	return nil
}

// refuse ends the ring's frames: nothing more is chosen.
func (r *ring) refuse() {
	r.sampling.mu.Lock()
	defer r.sampling.mu.Unlock()
	r.ending = true
	if prog, err := sockProgram(dropAll()); err == nil {
		_ = setFilter(r.fd, prog) // without it more frames come; the deadline holds
	}
}

// threadTime is the processor time of the calling thread.
func threadTime() (time.Duration, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
		return 0, fmt.Errorf("ask for the thread's processor time: %w", err)
	}
	return time.Duration(ts.Nano()), nil
}
