package rules

import "time"

// damping holds facets that are given and taken again and again: a rule whose
// own metadata changes what its query finds would otherwise write to the log
// for ever. It is for one goroutine.
type damping struct {
	cfg   Config
	facet map[key]*flaps
	// revisions of the definitions: one that was changed starts anew.
	revisions map[string]uint64
}

type flaps struct {
	count int
	last  time.Time
	hold  time.Duration
	until time.Time
}

// maxFlaps bounds the facets that are watched.
const maxFlaps = 100_000

func newDamping(cfg Config) *damping {
	return &damping{cfg: cfg, facet: make(map[key]*flaps), revisions: make(map[string]uint64)}
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

// holds tells whether a step must wait, and until when.
func (p *damping) holds(s *step, now time.Time) (until time.Time, yes bool) {
	f := p.facet[s.key]
	if s.sure {
		return time.Time{}, false
	}
	if f != nil && now.Before(f.until) {
		return f.until, true
	}
	if !s.takes {
		return time.Time{}, false
	}
	if f == nil {
		if len(p.facet) >= maxFlaps {
			return time.Time{}, false
		}
		f = &flaps{}
		p.facet[s.key] = f
	}
	if now.Sub(f.last) > p.cfg.FlapWindow {
		f.count = 0
	}
	f.last = now
	if f.count++; f.count <= p.cfg.FlapLimit {
		return time.Time{}, false
	}
	f.count = 0
	f.hold = min(max(2*f.hold, p.cfg.HoldMin), p.cfg.HoldMax)
	f.until = now.Add(f.hold)
	return f.until, true
}
