package iptest

import (
	"context"
	"testing"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/telegraf-inputs/topology_host/probe"
)

// startProbe runs the probe of topology_host until the end of the test. What it
// says goes to l.state.
func (l *lab) startProbe() {
	l.t.Helper()
	cfg := probe.DefaultConfig()
	cfg.HostID, cfg.HostName = l.host, l.host
	l.state = &State{}
	p, err := probe.New(cfg, sink{l.state}, logger{l.t})
	if err != nil {
		l.t.Fatal(err)
	}
	if err := p.Start(context.Background()); err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() {
		p.Stop()
		l.t.Logf("probe: %+v", p.Stats())
	})
}

// sink gives a state what the probe says.
type sink struct{ s *State }

func (s sink) Set(e entity.Event) { s.s.Apply(e) }

func (s sink) Delete(ref entity.Ref, reason string) {
	s.s.Apply(entity.Event{Kind: entity.Delete, Ref: ref, Source: SourceNetlink, Reason: reason})
}

// logger makes the probe's warnings lines of the test's log.
type logger struct{ t testing.TB }

func (l logger) Debugf(string, ...any)             {}
func (l logger) Infof(f string, args ...any)       { l.t.Logf("probe: "+f, args...) }
func (l logger) Warnf(f string, args ...any)       { l.t.Logf("probe warns: "+f, args...) }
func (l logger) Errorf(format string, args ...any) { l.t.Errorf("probe fails: "+format, args...) }
