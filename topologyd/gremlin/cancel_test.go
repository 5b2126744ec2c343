package gremlin

import (
	"context"
	"errors"
	"testing"

	"github.com/skein-net/skein/internal/entity/entitytest"
)

// TestCancel ends the context of heavy queries in the middle: they notice at the
// next look at it, and give its cause as the error.
func TestCancel(t *testing.T) {
	const nodes = 10_000
	v := networkGraph(t, nodes).View()
	ended := 0
	for _, text := range heavyQueries(entitytest.NetworkName(nodes - 1)) {
		q := mustParse(t, text)
		for _, at := range []int{1, 2, 7, 30} {
			cause := errors.New("nobody waits for it")
			ctx, cancel := context.WithCancelCause(t.Context())
			g := &cancelGovernor{at: at, cancel: func() { cancel(cause) }}
			_, err := q.Run(ctx, v, Limits{Governor: g, Memory: -1, Visited: -1, Time: -1})
			if g.calls < at {
				cancel(nil)
				continue // it was over before
			}
			if err == nil && g.calls == at {
				continue // it was over before the next look
			}
			ended++
			if !errors.Is(err, cause) || g.calls > at {
				t.Errorf("%.80s: ended at look %d: looked %d times, error %v", text, at, g.calls, err)
			}
			if end, err := q.Each(ctx, v, Sources{}, Limits{}, func(*Row) bool { return true }); !errors.Is(err, cause) || end.Rows > 0 {
				t.Errorf("%.80s: rows of a query that nobody waits for: %+v, %v", text, end, err)
			}
		}
	}
	if ended < 60 {
		t.Errorf("%d runs were ended: the test tests too little", ended)
	}
}

// TestEdgesAreWork: looking at edges that do not pass is work as it is for those
// that do, after which the run asks whether to go on.
func TestEdgesAreWork(t *testing.T) {
	w := ringWorld(t, 2000)
	looks := func(text string) int {
		g := &cancelGovernor{}
		if _, err := mustParse(t, text).Run(t.Context(), w.view, Limits{Governor: g}); err != nil {
			t.Fatal(err)
		}
		return g.calls
	}
	some, none := looks("G.E('RelationType', REGEX('.*[er].*')).Count()"), looks("G.E('RelationType', REGEX('.*[xy]')).Count()")
	if none < some-1 {
		t.Errorf("%d looks when all edges pass, %d when none does", some, none)
	}
}

// cancelGovernor ends the context at the nth look whether a run may go on.
type cancelGovernor struct {
	at, calls int
	cancel    func()
}

func (g *cancelGovernor) Pace(context.Context) error {
	if g.calls++; g.calls == g.at {
		g.cancel()
	}
	return nil
}

func (g *cancelGovernor) Take(int) bool { return true }
