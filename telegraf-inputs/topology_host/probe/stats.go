package probe

import "sync/atomic"

// Stats says what happened since the start. Fields that are not gauges only
// grow.
type Stats struct {
	// Namespaces and Interfaces are how many there are now (gauges).
	Namespaces, Interfaces int64
	// Events counts rtnetlink events, Overruns how often the kernel dropped some.
	Events, Overruns int64
	// Listings counts listings of a namespace, Reports events handed to the sink.
	Listings, Reports int64
	// Errors counts namespaces that could not be opened and listings that failed.
	Errors int64
}

type stats struct {
	namespaces, interfaces, events, overruns, listings, reports, errors atomic.Int64
}

func (s *stats) snapshot() Stats {
	return Stats{
		Namespaces: s.namespaces.Load(), Interfaces: s.interfaces.Load(),
		Events: s.events.Load(), Overruns: s.overruns.Load(),
		Listings: s.listings.Load(), Reports: s.reports.Load(), Errors: s.errors.Load(),
	}
}
