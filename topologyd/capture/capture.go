// Package capture is what users define to have packets captured: a query for
// the nodes, and how to capture there. It reads and checks such a definition and
// never acts on it; package orders does.
package capture

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/skein-net/skein/internal/filter"
	"github.com/skein-net/skein/internal/order"
	"github.com/skein-net/skein/topologyd/definition"
	"github.com/skein-net/skein/topologyd/follow"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/gremlin"
)

// Kind is the kind of definition.
const Kind = "capture"

// Spec is what to capture. In JSON the options stand beside the query.
type Spec struct {
	// Query finds the nodes, now and later: the interfaces among them are captured.
	Query string `json:"query"`
	order.Options
}

// Kinds returns the kind for a [definition.Store].
func Kinds() []definition.Kind {
	return []definition.Kind{{Name: Kind, New: func() definition.Spec { return new(Spec) }}}
}

// Validate implements [definition.Spec]. Errors of the query wrap those of
// package gremlin, which know the place ([gremlin.PositionOf]); those of the
// filter wrap a [*filter.Error].
func (s *Spec) Validate() error {
	if _, err := Parse(s.Query); err != nil {
		return fmt.Errorf("query: %w", err)
	}
	if _, err := filter.Compile(s.Filter, filter.Options{Link: filter.LinkEthernet, KernelVLAN: true}); err != nil {
		return err // it says by itself that it is about the filter
	}
	return s.Options.Validate()
}

// Parse reads a query that must give nodes of the current graph and that can be
// followed.
func Parse(text string) (*gremlin.Query, error) {
	if strings.TrimSpace(text) == "" {
		return nil, errors.New("there is none; give for example G.V().Has('Type','veth')")
	}
	q, err := gremlin.Parse(text)
	if err != nil {
		return nil, err
	}
	if q.Kind() != gremlin.KindNodes {
		return nil, fmt.Errorf("it gives %s; a capture needs nodes, for example G.V().Has('Type','veth')", q.Kind())
	}
	if err := follow.Check(q); err != nil {
		return nil, err
	}
	// What only shows when it runs, such as a step into the past, shows here.
	if _, err := q.Run(context.Background(), graph.New(graph.DefaultConfig()).View(), gremlin.DefaultLimits()); err != nil {
		return nil, err
	}
	return q, nil
}
