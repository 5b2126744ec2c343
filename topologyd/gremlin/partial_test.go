package gremlin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// chainWorld loads a row of nodes, each connected with the next.
func chainWorld(t *testing.T, nodes int) *world {
	w := newWorld(t)
	var lines []string
	for i := range nodes {
		lines = append(lines, fmt.Sprintf("node n%d host W=%d", i, i%7))
		if i > 0 {
			lines = append(lines, fmt.Sprintf("edge n%d -> n%d layer2", i-1, i))
		}
	}
	w.load(lines...)
	return w
}

// TestPartial hits each limit, and checks that what comes is the beginning of
// the whole answer.
func TestPartial(t *testing.T) {
	w := chainWorld(t, 300)
	late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	for _, tc := range []struct {
		ctx   context.Context
		query string
		lim   Limits
		limit string
		rows  int // -1: any
	}{
		{query: "G.V()", lim: Limits{Results: 10}, limit: "results", rows: 10},
		{query: "G.V().Out()", lim: Limits{Visited: 100}, limit: "visited", rows: -1},
		{query: "G.V().Out().Dedup().Values('Name')", lim: Limits{Visited: 500}, limit: "visited", rows: -1},
		{query: "G.V().Where(Not(Out('W', 3)))", lim: Limits{Visited: 300}, limit: "visited", rows: -1},
		{query: "G.V('Name','n0').Repeat(Out()).Emit().Limit(1000)", lim: Limits{Memory: 1200}, limit: "memory", rows: -1},
		{query: "G.V('Name','n0').Neighbors(0)", lim: Limits{Visited: 50}, limit: "visited", rows: -1},
		{query: "G.V().ValueMap()", lim: Limits{Memory: 5000}, limit: "memory", rows: -1},
		{query: "G.V()", lim: Limits{Results: 300}, limit: "", rows: 300},
		{query: "G.V().Limit(5)", lim: Limits{Results: 5}, limit: "", rows: 5},
	} {
		q, err := Parse(tc.query)
		if err != nil {
			if strings.Contains(err.Error(), "unknown step") {
				continue
			}
			t.Fatal(err)
		}
		ctx := tc.ctx
		if ctx == nil {
			ctx = t.Context()
		}
		tc.lim.Partial = true
		r, err := q.Run(ctx, w.view, tc.lim)
		if err != nil {
			t.Errorf("%s: %v", tc.query, err)
			continue
		}
		if r.Limit() != tc.limit || tc.rows >= 0 && r.Len() != tc.rows {
			t.Errorf("%s: limit %q, %d rows; want %q, %d", tc.query, r.Limit(), r.Len(), tc.limit, tc.rows)
		}
		whole, err := q.Run(t.Context(), w.view, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		part, all := lines(t, r), lines(t, whole)
		if len(part) > len(all) || strings.Join(part, "\n") != strings.Join(all[:len(part)], "\n") {
			t.Errorf("%s: %d rows are not the beginning of %d", tc.query, len(part), len(all))
		}
		if tc.limit != "" && tc.rows < 0 && (len(part) == 0 || len(part) == len(all)) {
			t.Errorf("%s: %d of %d rows: the test tests nothing", tc.query, len(part), len(all))
		}
		tc.lim.Partial = false
		if _, err := q.Run(ctx, w.view, tc.lim); LimitOf(err) != tc.limit {
			t.Errorf("%s: error %v, want the limit %q", tc.query, err, tc.limit)
		}
	}
	// A deadline of the caller is a limit of time where a part will do.
	q := mustParse(t, "G.V()")
	if _, err := q.Run(late, w.view, Limits{Partial: true}); LimitOf(err) != "time" {
		t.Errorf("error %v", err)
	}
	// Steps that need all their input have no part of an answer.
	for _, text := range []string{"G.V().Count()", "G.V().Sort()", "G.V().SubGraph()", "G.V().As('a').Out()", "G.V().Keys()"} {
		_, err := mustParse(t, text).Run(t.Context(), w.view, Limits{Visited: 10, Results: 10, Partial: true})
		var limit *LimitError
		if text != "G.V().Count()" && !errors.As(err, &limit) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func lines(t *testing.T, r *Result) []string {
	t.Helper()
	var b bytes.Buffer
	if err := r.WriteNDJSON(&b); err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
}

// TestPartialBytes checks that an answer that is too long stays JSON.
func TestPartialBytes(t *testing.T) {
	w := chainWorld(t, 300)
	for _, text := range []string{"G.V()", "G", "G.V().Values('Name')", "G.E()"} {
		for _, most := range []int{0, 1, 10, 500, 40_000, 70_000, 10 << 20} {
			q := mustParse(t, text)
			r, err := q.Run(t.Context(), w.view, Limits{Bytes: max(most, 1), Partial: true})
			if err != nil {
				t.Fatal(err)
			}
			if text == "G" {
				// A graph is whole or an error: it is not a stream of V or E.
				r.partial = true
			}
			var b bytes.Buffer
			if err := r.WriteJSON(&b); err != nil {
				t.Fatalf("%s, %d bytes: %v", text, most, err)
			}
			const brackets = 32
			if !json.Valid(b.Bytes()) || b.Len() > most+brackets {
				t.Errorf("%s, %d bytes: %d bytes, not JSON: %.100s", text, most, b.Len(), b.Bytes())
			}
			if cut := r.Limit() == "bytes"; cut != (b.Len() < len(mustJSON(t, q, w))) {
				t.Errorf("%s, %d bytes: limit %q", text, most, r.Limit())
			}
		}
	}
}

func mustJSON(t *testing.T, q *Query, w *world) []byte {
	t.Helper()
	r, err := q.Run(t.Context(), w.view, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return r.AppendJSON(nil)
}

// TestEach checks that rows are the lines of NDJSON, for each kind of answer.
func TestEach(t *testing.T) {
	w := chainWorld(t, 20)
	for _, text := range []string{
		"G", "G.V()", "G.E().Limit(3)", "G.V().Values('Name')", "G.V().ValueMap('Name')", "G.V().Count()", "G.V().Sum('W')",
		"G.V().Limit(4).ShortestPathTo('Name','n9')", "G.V().SubGraph()", "G.V('Name','nobody')", "G.V().Metrics().Sum()",
		"G.V().Group().By('W')", "G.V().Project('a').By('Name')", "G.V().OutE().InV().Path()", "G.V('Name','n3').Repeat(Out()).Emit()",
		"G.V().Order().By('W', DESC).By('Name')", "G.V().Count().Is(GT(100))", "G.V().Values('W').Is(3)", "G.V().NextHop('10.0.0.1')",
	} {
		q := mustParse(t, text)
		r, err := q.Run(t.Context(), w.view, Limits{})
		if err != nil {
			t.Fatal(text, err)
		}
		var want bytes.Buffer
		if err := r.WriteNDJSON(&want); err != nil {
			t.Fatal(err)
		}
		var got []byte
		end, err := q.Each(t.Context(), w.view, Sources{}, Limits{}, func(row *Row) bool {
			got = append(row.AppendJSON(got), '\n')
			return row.Revision() == w.view.Revision()
		})
		if err != nil || string(got) != want.String() || end.Rows != bytes.Count(got, []byte("\n")) || end.Limit != "" {
			t.Errorf("%s: %v %+v\n%s\nwant\n%s", text, err, end, got, want.Bytes())
		}
	}
	stop, err := mustParse(t, "G.V()").Each(t.Context(), w.view, Sources{}, Limits{}, func(*Row) bool { return false })
	if err != nil || stop.Rows != 1 {
		t.Errorf("stopped: %+v %v", stop, err)
	}
	part, err := mustParse(t, "G.V()").Each(t.Context(), w.view, Sources{}, Limits{Results: 3, Partial: true}, func(*Row) bool { return true })
	if err != nil || part.Rows != 3 || part.Limit != "results" {
		t.Errorf("partial: %+v %v", part, err)
	}
	if end, err := mustParse(t, "G.V()").Each(t.Context(), w.view, Sources{}, Limits{Results: 3}, func(*Row) bool { return true }); LimitOf(err) != "results" {
		t.Errorf("limit: %+v %v", end, err)
	}
	// A context that ends between rows ends the run soon.
	ctx, cancel := context.WithCancel(t.Context())
	big := chainWorld(t, 3*checkEvery)
	end, err := mustParse(t, "G").Each(ctx, big.view, Sources{}, Limits{}, func(*Row) bool { cancel(); return true })
	if !errors.Is(err, context.Canceled) || end.Rows > checkEvery+1 {
		t.Errorf("canceled: %+v %v", end, err)
	}
}
