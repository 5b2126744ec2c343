package gremlin

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestPlans runs testdata/explain.txt: a query, and below it, indented, the
// rows of its plan without times. The graph is that of planWorld.
func TestPlans(t *testing.T) {
	w := planWorld(t)
	text, err := os.ReadFile("testdata/explain.txt")
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, line := range strings.Split(string(text), "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			got.WriteString(line + "\n")
			continue
		}
		if strings.HasPrefix(line, " ") {
			continue
		}
		got.WriteString(line + "\n")
		e, err := mustParse(t, line).Explain(t.Context(), w.view, w.sources(), Limits{})
		if err != nil {
			t.Fatal(line, err)
		}
		for i := range e.Steps {
			s := &e.Steps[i]
			fmt.Fprintf(&got, "  %s: ", s.Text)
			if s.In >= 0 {
				fmt.Fprintf(&got, "%d -> ", s.In)
			}
			fmt.Fprintf(&got, "%d, visited %d\n", s.Out, s.Visited)
			for _, how := range s.How {
				fmt.Fprintf(&got, "    %s\n", how)
			}
		}
		fmt.Fprintf(&got, "  total: %d, visited %d\n", e.Results, e.Visited)
	}
	if want := string(text); strings.TrimRight(got.String(), "\n") != strings.TrimRight(want, "\n") {
		t.Errorf("got\n%s", got.String())
	}
}

// planWorld has 100 hosts, each with 9 interfaces.
func planWorld(t *testing.T) *world {
	w := newWorld(t)
	var lines []string
	for h := range 100 {
		lines = append(lines, fmt.Sprintf("node h%d host Rack=%d", h, h/10))
		for i := range 9 {
			typ := []string{"veth", "veth", "bridge"}[i%3]
			lines = append(lines, fmt.Sprintf(`node h%d-eth%d %s MTU=%d Speed=%d IPV4=["10.0.%d.%d/24"]`, h, i, typ, 1500+h%3*100, 1000*(1+i%2), h, i),
				fmt.Sprintf("edge h%d -> h%d-eth%d ownership", h, h, i))
		}
	}
	w.load(lines...)
	return w
}

// TestExplanation checks the forms in which a plan is given.
func TestExplanation(t *testing.T) {
	w := planWorld(t)
	q := mustParse(t, "G.V().Has('Type','veth').Out().Limit(3)")
	e, err := q.Explain(t.Context(), w.view, Sources{}, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var out struct {
		Query string `json:"query"`
		Kind  string `json:"kind"`
		Steps []struct {
			Step string   `json:"step"`
			How  []string `json:"how"`
			In   *int     `json:"in"`
			Out  int      `json:"out"`
			MS   float64  `json:"ms"`
		} `json:"steps"`
		Results int    `json:"results"`
		Limit   string `json:"limit"`
	}
	if err := json.Unmarshal(e.AppendJSON(nil), &out); err != nil {
		t.Fatal(err)
	}
	if out.Query != q.String() || out.Kind != "nodes" || len(out.Steps) != 3 || out.Steps[0].In != nil || *out.Steps[1].In != 600 || out.Limit != "" {
		t.Errorf("%+v", out)
	}
	rows := slices.Collect(e.Rows())
	if len(rows) != len(e.Steps)+1 || len(rows[0]) != len(e.Columns()) || rows[len(rows)-1][0] != "total" {
		t.Errorf("rows %q", rows)
	}
	if text := e.String(); !strings.Contains(text, "index Type = 'veth': 600 nodes") {
		t.Errorf("text\n%s", text)
	}
	// A limit ends the plan, not with an error.
	e, err = q.Explain(t.Context(), w.view, Sources{}, Limits{Visited: 10})
	if err != nil || e.Limit != "visited" || e.Visited != 11 || len(e.Steps) != 3 {
		t.Errorf("%+v %v", e, err)
	}
	// Other errors stay errors.
	if _, err := mustParse(t, "G.V().Sum('Name')").Explain(t.Context(), w.view, Sources{}, Limits{}); err == nil {
		t.Error("a sum of names is explained")
	}
	if _, err := mustParse(t, "G.At('-1h').V()").Explain(t.Context(), w.view, Sources{}, Limits{}); err == nil {
		t.Error("a past that is not kept is explained")
	}
	if got := short(1234567 * time.Nanosecond); got != "1.23ms" {
		t.Errorf("short: %s", got)
	}
}

// TestExplainGives checks that a run that is watched gives what one that is not
// gives, and that its counts are those.
func TestExplainGives(t *testing.T) {
	w := planWorld(t)
	for _, text := range []string{
		"G", "G.V()", "G.E()", "G.V().Count()", "G.V('Type','veth').Count()", "G.V('Type','host').Out().Count()", "G.V().Values('Name').Limit(7)",
		"G.V('Type','host').ShortestPathTo('Name','h3-eth1').Count()", "G.V('Type','host').As('a').Out().Select('a').Dedup().Count()",
		"G.V().Limit(10).SubGraph()", "G.V().Sort('Name').Limit(3)", "G.V().Where(Out('Type','bridge'))", "G.V().Metrics().Count()",
		"G.V().Group().By('Rack')", "G.V().Project('a').By('Name')", "G.V().OutE().InV().Path()", "G.V('Name','h3').Repeat(Out()).Emit()",
		"G.V().Order().By('Rack', DESC).By('Name')", "G.V().Count().Is(GT(100))", "G.V().Values('Rack').Is(3)", "G.V().NextHop('10.0.0.1')",
	} {
		q := mustParse(t, text)
		r, err := q.Run(t.Context(), w.view, Limits{})
		if err != nil {
			t.Fatal(text, err)
		}
		e, err := q.Explain(t.Context(), w.view, Sources{}, Limits{})
		if err != nil {
			t.Fatal(text, err)
		}
		if last := e.Steps[len(e.Steps)-1]; e.Results != r.Len() || r.Kind() != KindGraph && last.Out != r.Len() {
			t.Errorf("%s: explained as %d, gives %d\n%s", text, e.Results, r.Len(), e)
		}
	}
}
