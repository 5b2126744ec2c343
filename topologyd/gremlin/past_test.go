package gremlin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/skein-net/skein/topologyd/graph"
)

func pastWorld(t *testing.T) *world {
	w := newWorld(t)
	w.load(
		"clock 1000", "node h host", "node p veth MTU=1500", "node e veth", "edge h -> p ownership",
		"edge p -> e layer2", "node p veth MTU=9000", "delete e", "clock 2000", "node p veth MTU=1",
	)
	return w
}

// run is RunPast at the time of the world.
func (w *world) run(ctx context.Context, text string, p Past, lim Limits) (*Result, error) {
	return mustParse(w.tb, text).run(ctx, w.view, Sources{Past: p}, w.Now, lim)
}

// TestWithoutPast: Run knows no other time, but what it can answer it does.
func TestWithoutPast(t *testing.T) {
	w := pastWorld(t)
	for _, text := range []string{"G.V()", "G.At(NOW).V()", "G.Context('now').V()"} {
		r, err := mustParse(t, text).Run(t.Context(), w.view, Limits{})
		if err != nil || r.Len() != 2 {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{"G.At('-1h').V()", "G.At(NOW, 5).V()", "G.At(FOREVER).V()"} {
		_, err := mustParse(t, text).Run(t.Context(), w.view, Limits{})
		var eval *EvalError
		if !errors.As(err, &eval) || eval.Error() != "line 1, column 3: At: no past is kept here; only NOW can be asked about" {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestRunPast asks on the real clock.
func TestRunPast(t *testing.T) {
	w := pastWorld(t)
	for text, want := range map[string]int{"G.At('-1ms').V()": 2, "G.At(1003).V()": 3, "G.Context(NOW, '1ms').V()": 2, "G.At(NOW).V()": 2} {
		r, err := mustParse(t, text).RunPast(t.Context(), w.view, w.past, Limits{})
		if err != nil || r.Len() != want {
			t.Errorf("%s: %v, want %d nodes", text, err, want)
		}
	}
}

// TestPastErrors: what the past says is found in the error, with the place in
// the query.
func TestPastErrors(t *testing.T) {
	w := pastWorld(t)
	tooOld := errors.New("the past goes back to noon")
	w.past.refuse = fmt.Errorf("ask the past: %w", tooOld)
	_, err := w.run(t.Context(), "G\n.At(1001).V()", w.past, Limits{})
	var te *TimeError
	if !errors.As(err, &te) || !errors.Is(err, tooOld) || te.Step != "At" {
		t.Fatalf("got %#v", err)
	}
	if want := "line 2, column 2: At: ask the past: the past goes back to noon"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
	if p, ok := PositionOf(err); !ok || p.Line != 2 {
		t.Errorf("position %v %v", p, ok)
	}
	if text := Explain("G\n.At(1001).V()", err); !strings.HasSuffix(text, "\n  .At(1001).V()\n   ^") {
		t.Errorf("explained as %s", text)
	}
}

// slowPast answers when the one who asks gives up.
type slowPast struct{ asked int }

func (s *slowPast) At(ctx context.Context, _ time.Time) (*graph.View, error) {
	s.asked++
	<-ctx.Done()
	return nil, fmt.Errorf("read segment: %w", ctx.Err())
}

func (s *slowPast) Slice(ctx context.Context, _, to time.Time) (*graph.View, error) {
	return s.At(ctx, to)
}

// TestPastInTime: what the past takes counts against the query's time, and it
// ends when the client goes away.
func TestPastInTime(t *testing.T) {
	w := pastWorld(t)
	var limit *LimitError
	if _, err := w.run(t.Context(), "G.At(1001).V()", &slowPast{}, Limits{Time: time.Millisecond}); !errors.As(err, &limit) || limit.Limit != "time" {
		t.Errorf("got %v", err)
	}
	gone := errors.New("the client went away")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(gone)
	if _, err := w.run(ctx, "G.Context(FOREVER).V()", &slowPast{}, Limits{Time: -1}); !errors.Is(err, gone) {
		t.Errorf("got %v", err)
	}
}

// countingPast counts what it is asked.
type countingPast struct {
	*history
	asked int
}

func (c *countingPast) At(ctx context.Context, t time.Time) (*graph.View, error) {
	c.asked++
	return c.history.At(ctx, t)
}

// TestManyTimes: a time is asked for once in a run, and there may be so many.
func TestManyTimes(t *testing.T) {
	w := pastWorld(t)
	p := &countingPast{history: w.past}
	r, err := w.run(t.Context(), "G.At(1001).V().As('a').G.At( 1001 ).V().As('b').G.V().G.Context(1001).Select('a','b')", p, Limits{})
	if err != nil || r.Len() != 2 || p.asked != 1 {
		t.Errorf("%v: asked %d times", err, p.asked)
	}
	text := "G"
	for i := range MaxTimes {
		text += fmt.Sprintf(".At(%d).V().G.At(%d).V().G.At(NOW).V().G", 1000+i, 1000+i)
	}
	if _, err := Parse(text); err != nil {
		t.Errorf("%d times: %v", MaxTimes, err)
	}
	var eval *EvalError
	if _, err := Parse(text + ".At(2000)"); !errors.As(err, &eval) || !strings.Contains(err.Error(), "at most 16 times") {
		t.Errorf("one more: %v", err)
	}
}

// TestSliceDrawn: a slice is drawn with each element once, by its newest
// revision.
func TestSliceDrawn(t *testing.T) {
	w := pastWorld(t)
	for _, tc := range []struct {
		text         string
		nodes, edges int
	}{
		{"G.Context(FOREVER)", 3, 2},
		{"G.Context(FOREVER).V()", 3, 2},
		{"G.Context(FOREVER).V().Has('MTU', 1500)", 1, 0},
		{"G.Context(FOREVER).V().HasEither('MTU', 1500, 'Name', 'e')", 2, 1},
		{"G.Context(FOREVER).E()", 3, 2},
		{"G.Context(FOREVER).E('RelationType', 'layer2').SubGraph()", 2, 1},
	} {
		r, err := w.run(t.Context(), tc.text, w.past, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		if err := r.WriteDOT(&out); err != nil {
			t.Fatal(err)
		}
		edges := strings.Count(out.String(), " -> ")
		if nodes := strings.Count(out.String(), "[label=") - edges; nodes != tc.nodes || edges != tc.edges {
			t.Errorf("%s: %d nodes and %d edges, want %d and %d\n%s", tc.text, nodes, edges, tc.nodes, tc.edges, out.String())
		}
		checkDOT(t, out.String())
	}
}

// TestSliceShown: revisions in the table and in JSON.
func TestSliceShown(t *testing.T) {
	w := pastWorld(t)
	r, err := w.run(t.Context(), "G.Context(FOREVER).V('Name', 'p')", w.past, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for row := range r.Rows() {
		rows = append(rows, strings.Join(row[1:3], " ")+" "+row[5])
	}
	if got := strings.Join(rows, ", "); got != "veth p 1, veth p 2, veth p 3" {
		t.Errorf("rows %s", got)
	}
	if r, err = w.run(t.Context(), "G.Context(FOREVER).E()", w.past, Limits{}); err != nil {
		t.Fatal(err)
	}
	rows = nil
	for row := range r.Rows() {
		rows = append(rows, strings.Join(row[1:4], " "))
	}
	if got := strings.Join(rows, ", "); got != "ownership h p, layer2 p e" {
		t.Errorf("rows %s", got)
	}
	if text := string(r.AppendJSON(nil)); strings.Count(text, `"DeletedAt":1007000`) != 1 {
		t.Errorf("JSON %s", text)
	}
}
