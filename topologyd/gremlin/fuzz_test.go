package gremlin

import (
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// FuzzParse: no text makes the parser panic or an error point outside the
// text; what parses prints as a query that parses to the same, and runs on a
// small graph within its limits without a panic.
func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.test")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, b := range parseScript(string(text)) {
			if b.verb != "load" && b.verb != "limits" {
				f.Add(b.expr)
			}
		}
	}
	w := newWorld(f)
	w.load(
		`node a host A=1 L=[1,"x"] IPV4=["10.0.0.1/24"] M={"a":{"b":2}}`, `node b veth A=2.0`, `node c veth`,
		`edge a -> b ownership`, `edge b -> c layer2 Type=veth`, `edge c -> c loop`, `node a host A=2 Captures=[{"Name":"all"},{"Name":"web"}]`, `node d`, `edge d -> a uses`, `delete d`,
		`host h`, `edge h -> b ownership`, `metric b RxBytes=5`, `metric b RxBytes=7`,
		`flow f b Application=HTTPS TrackingID=00000000000000a1 Network.A=10.0.0.1 Transport.B=443 Metric.ABBytes=7 DNS={"Questions":[{"Name":"x"}]}`,
		`flow f b Metric.ABBytes=9`, `flow g - TrackingID=00000000000000a1`, `packet f 60`, `packet g 90`,
	)
	f.Fuzz(func(t *testing.T, text string) {
		q, err := Parse(text)
		if err != nil {
			p, ok := PositionOf(err)
			if !ok || p.Pos < 0 || p.Pos > len(text) || p.Line < 1 || p.Column < 1 {
				t.Fatalf("%q: %v has the position %+v", text, err, p)
			}
			if len(Explain(text, err)) > 4096+4*maxRegex {
				t.Fatalf("%q: the explanation is %d bytes long", text, len(Explain(text, err)))
			}
			return
		}
		stable(t, text)
		lim := Limits{Time: time.Second, Visited: 20_000, Results: 1000}
		r, err := q.run(t.Context(), w.view, w.sources(), w.Now, lim)
		if err != nil {
			return
		}
		if r.Kind() != q.Kind() || r.Len() > 1000 {
			t.Fatalf("%q: %d elements of %s, declared %s", text, r.Len(), r.Kind(), q.Kind())
		}
		_ = r.AppendJSON(nil)
		for row := range r.Rows() {
			if len(row) != len(r.Columns()) {
				t.Fatalf("%q: a row of %d cells, %d columns", text, len(row), len(r.Columns()))
			}
		}
		if r.Kind() == KindNodes || r.Kind() == KindGraph {
			if err := r.WriteDOT(io.Discard); err != nil {
				t.Fatalf("%q: %v", text, err)
			}
		}
	})
}
