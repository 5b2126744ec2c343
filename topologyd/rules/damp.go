package rules

import (
	"hash/maphash"
	"slices"
	"time"
)

// damping holds facets that go to and fro: a rule whose own metadata changes
// what its query finds would otherwise write to the log for ever. It is for one
// goroutine.
type damping struct {
	cfg   Config
	seed  maphash.Seed
	facet map[key]*flaps
	// revisions of the definitions: one that was changed starts anew.
	revisions map[string]uint64
}

type flaps struct {
	count int
	past  [4]uint64 // what the facet said before the last steps, the newest first
	known int       // how many of them
	last  time.Time
	hold  time.Duration
	until time.Time
}

// maxFlaps bounds the facets that are watched.
const maxFlaps = 100_000

func newDamping(cfg Config) *damping {
	return &damping{cfg: cfg, seed: maphash.MakeSeed(), facet: make(map[key]*flaps), revisions: make(map[string]uint64)}
}

// begin forgets what changed definitions did, and what is long ago.
func (p *damping) begin(defs *definitions, now time.Time) {
	revisions := defs.revisions()
	for k, f := range p.facet {
		if revisions[k.source] != p.revisions[k.source] || now.Sub(f.last) > p.cfg.FlapWindow+2*p.cfg.HoldMax {
			delete(p.facet, k)
		}
	}
	p.revisions = revisions
}

// holds tells whether a step must wait, and until when. A step that need not is
// remembered as done.
func (p *damping) holds(s *step, now time.Time) (until time.Time, yes bool) {
	if s.sure {
		return time.Time{}, false
	}
	f := p.facet[s.key]
	if f == nil {
		if len(p.facet) >= maxFlaps {
			return time.Time{}, false
		}
		f = &flaps{last: now}
		p.facet[s.key] = f
	}
	if now.Before(f.until) {
		return f.until, true
	}
	if now.Sub(f.last) > p.cfg.FlapWindow {
		f.count, f.known = 0, 0
	}
	if slices.Contains(f.past[:f.known], s.to) {
		if f.count++; f.count > p.cfg.FlapLimit {
			f.count, f.last = 0, now
			f.hold = min(max(2*f.hold, p.cfg.HoldMin), p.cfg.HoldMax)
			f.until = now.Add(f.hold)
			return f.until, true
		}
	}
	copy(f.past[1:], f.past[:])
	f.past[0], f.known, f.last = s.from, min(f.known+1, len(f.past)), now
	return time.Time{}, false
}
