package gremlin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
)

// TestGroupsJSON: groups of nodes, edges and values in all forms.
func TestGroupsJSON(t *testing.T) {
	w := resultWorld(t)
	node := func(alias string) string {
		return string(w.view.Node(w.Events[alias].Ref.UUID()).AppendJSON(nil))
	}
	edge := func(name string) string { return string(w.view.Edge(w.Edges[name]).AppendJSON(nil)) }
	for _, tc := range []struct{ query, want, table string }{
		{"G.V().Group('Type')", `[{"host":[` + node("h") + `],"veth":[` + node("a") + "," + node("b") + `]}]`, "[Group Nodes] [host 1] [veth 2]"},
		{"G.E('RelationType', 'layer2').Group()", `[{"layer2":[` + edge("a>b:layer2") + `]}]`, "[Group Edges] [layer2 1]"},
		{"G.V().Group('Type').By(Count())", `[{"host":1,"veth":2}]`, "[Group Value] [host 1] [veth 2]"},
		{"G.V().Group('Type').By('MTU')", `[{"host":[],"veth":[1500,9000.5]}]`, "[Group Value] [host []] [veth [1500,9000.5]]"},
		{"G.V().Group('Nothing').By('State').Limit(1)", `[{"":["UP"]}]`, `[Group Value] [ ["UP"]]`},
		{"G.V('Type', 'x').Group('Type')", `[]`, "[Group Flows]"},
	} {
		r := w.result(t, tc.query)
		if got := string(r.AppendJSON(nil)); got != tc.want || !json.Valid([]byte(got)) {
			t.Errorf("%s: got %s, want %s", tc.query, got, tc.want)
		}
		var out bytes.Buffer
		if err := r.WriteJSON(&out); err != nil || out.String() != tc.want {
			t.Errorf("%s: wrote %s, %v", tc.query, out.String(), err)
		}
		table := fmt.Sprint(r.Columns())
		for row := range r.Rows() {
			table += " " + fmt.Sprint(row)
		}
		if table != tc.table {
			t.Errorf("%s: the table is %s, want %s", tc.query, table, tc.table)
		}
		out.Reset()
		if err := r.WriteNDJSON(&out); err != nil {
			t.Fatal(err)
		}
		lines := 0
		for _, line := range bytes.Split(bytes.TrimSpace(out.Bytes()), []byte("\n")) {
			if len(line) > 0 && json.Valid(line) {
				lines++
			}
		}
		if lines != r.Len() {
			t.Errorf("%s: %d lines of %d: %s", tc.query, lines, r.Len(), out.String())
		}
	}
}

// TestLongElements: one group or path that is longer than the answer may be takes
// no more memory than that.
func TestLongElements(t *testing.T) {
	w := newWorld(t)
	w.load("node n0 x")
	for i := 1; i < 2000; i++ {
		w.load(fmt.Sprintf("node n%d x", i), fmt.Sprintf("edge n%d -> n%d next", i-1, i))
	}
	w.load()
	const most = 10_000
	for _, query := range []string{"G.V().Group('Type')", "G.E().Group()", "G.V('Name', 'n0').ShortestPathTo('Name', 'n1999')"} {
		r, err := mustParse(t, query).Run(t.Context(), w.view, Limits{Bytes: most})
		if err != nil {
			t.Fatal(err)
		}
		for name, write := range map[string]func(*bytes.Buffer) error{
			"JSON":   func(b *bytes.Buffer) error { return r.WriteJSON(b) },
			"NDJSON": func(b *bytes.Buffer) error { return r.WriteNDJSON(b) },
		} {
			var out bytes.Buffer
			var limit *LimitError
			if err := write(&out); !errors.As(err, &limit) || limit.Limit != limitBytes || out.Len() > most+piece {
				t.Errorf("%s as %s: %v after %d bytes", query, name, err, out.Len())
			}
		}
		if all := r.AppendJSON(nil); !json.Valid(all) || len(all) < 100_000 {
			t.Errorf("%s: %d bytes without a limit", query, len(all))
		}
		longest := 0
		_, err = mustParse(t, query).Each(t.Context(), w.view, Sources{}, Limits{Bytes: most}, func(row *Row) bool {
			longest = max(longest, len(row.AppendJSON(nil)))
			return true
		})
		if err != nil || longest <= most || longest > most+1000 {
			t.Errorf("%s: a row of %d bytes, %v", query, longest, err)
		}
	}
}
