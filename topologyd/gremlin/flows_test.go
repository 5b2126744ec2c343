package gremlin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
)

func flowWorld(t testing.TB) *world {
	w := newWorld(t)
	w.load("clock 1000", "host h", "node eth0 device MAC=02:00:00:00:00:01", "edge h -> eth0 ownership",
		"flow a eth0 Application=HTTPS TrackingID=00000000000000a1 Network.A=10.0.0.1 Network.B=10.0.0.2 Transport.A=40000 Transport.B=443 Metric.ABPackets=10 Metric.ABBytes=1000 TCPMetric.State=ESTABLISHED",
		"flow b eth0 Application=ARP TrackingID=00000000000000a2 Link.A=02:00:00:00:00:01 Link.B=ff:ff:ff:ff:ff:ff Metric.ABPackets=1 Metric.ABBytes=42",
		"flow c - Application=HTTPS TrackingID=00000000000000a1 Network.A=fd00::1 Network.B=fd00::2 Transport.A=40000 Transport.B=443 Metric.ABPackets=3 Metric.ABBytes=300 Metric.RTT=5",
	)
	return w
}

func (w *world) askFlows(t testing.TB, text string) *Result {
	t.Helper()
	r, err := mustParse(t, w.expand(text)).run(t.Context(), w.view, w.sources(), w.Now, Limits{})
	if err != nil {
		t.Fatal(Explain(text, err))
	}
	return r
}

// TestFlowHints: what a source is asked for.
func TestFlowHints(t *testing.T) {
	w := flowWorld(t)
	tid := w.view.Node(w.Events["eth0"].Ref.UUID()).Attrs.Get("TID").Str()
	live := "live"
	for _, tc := range []struct{ query, want string }{
		{"G.Flows()", live},
		{"G.Flows().Count()", live},
		{"G.V().Flows()", live + " nodes=2"},
		{"G.V('Name', 'eth0').Flows('NodeTID', '" + tid + "')", live + " nodes=1 [NodeTID] in [" + tid + "]"},
		{"G.Flows().Has('Application', 'HTTPS').Limit(5)", live + " [Application] in [HTTPS] limit 5"},
		{"G.Flows().Has('Network', '10.0.0.1').Has('Transport', WITHIN(80, 443.0))", live + " [Network.A Network.B] in [10.0.0.1] [Transport.A Transport.B] in [80 443]"},
		{"G.Flows().Has('Network', IPV4RANGE('10.0.0.0/8')).Range(2, 5)", live + " [Network.A Network.B] in network [10.0.0.0/8] limit 5"},
		{"G.Flows().Has('Application', NE('DNS'))", live + " [Application] not in [DNS] [Application] exists []"},
		{"G.Flows().Has('Application', WITHOUT('DNS')).Limit(1)", live + " [Application] not in [DNS] limit 1"},
		{"G.Flows().HasKey('Network.A').HasNot('Transport')", live + " [Network.A] exists [] [Transport.A Transport.B] not exists []"},
		{"G.Flows().Has('Transport.B', BETWEEN(1, 1024)).Limit(2)", live + " [Transport.B] >= [1] [Transport.B] < [1024] limit 2"},
		// One end above 1 and the other below 1024 is more than was asked for.
		{"G.Flows().Has('Transport', BETWEEN(1, 1024)).Limit(2)", live + " [Transport.A Transport.B] >= [1] [Transport.A Transport.B] < [1024]"},
		{"G.Flows().Has('Transport', LT(80.5)).Limit(2)", live},
		{"G.Flows().Has('Metric.ABBytes', GT(0))", live + " [Metric.ABBytes] > [0]"},
		{"G.Flows().Has('Metric.ABBytes', LT(5)).Limit(1)", live}, // a store may not keep a 0
		{"G.Flows().Has('Application', REGEX('H.*')).Limit(1)", live},
		{"G.Flows().Has('Start', GT(5)).Limit(1)", live}, // other units
		{"G.Flows().Has('DNS.Questions.Name', 'x').Limit(1)", live},
		{"G.Flows().HasEither('Network.A', '10.0.0.1', 'Network.B', '10.0.0.1').Limit(1)", live + " [Network.A Network.B] in [10.0.0.1] limit 1"},
		{"G.Flows().HasEither('Network.A', '10.0.0.1', 'Transport.B', 80).Limit(1)", live},
		{"G.Flows().Sort(DESC, 'Metric.ABBytes').Limit(3)", live + " sort Metric.ABBytes down limit 3"},
		{"G.Flows().Sort().Range(1, 3)", live + " sort Last limit 3"},
		{"G.Flows().Sort('Metric.ABBytes').Limit(3)", live},
		{"G.Flows().Sort('Transport.A').Limit(3)", live},
		{"G.Flows().Sort()", live},
		{"G.Flows().Has('Application', REGEX('H.*')).Sort().Limit(3)", live + " sort Last"},
		{"G.Flows().Dedup().Limit(3)", live},
		{"G.Flows().Sort().Dedup().Limit(3)", live},
		{"G.Flows().Limit(3).Has('Application', 'ARP')", live + " limit 3"},
		{"G.At(1005).Flows()", "1005000000000-1005000999999"},
		{"G.Context(1005, 2).Flows('Application', 'ARP')", "1003000000000-1005000999999 [Application] in [ARP]"},
		{"G.Context(FOREVER).Flows()", "0-1006000999999"},
		{"G.V('Name', 'nobody').Flows()", ""},           // no node
		{"G.Flows('Transport', '443')", ""},             // a text is no port
		{"G.Flows('Application', WITHIN(1, TRUE))", ""}, // nor a number an application
		{"G.Flows().Limit(0)", ""},
	} {
		w.flows.asked = nil
		w.askFlows(t, tc.query)
		got := ""
		for _, q := range w.flows.asked {
			got += showQuery(q)
		}
		if got != tc.want {
			t.Errorf("%s: asked for\n%s\nwant\n%s", tc.query, got, tc.want)
		}
	}
}

func showQuery(q *flowrecord.Query) string {
	text := "live"
	if !q.Live {
		text = fmt.Sprintf("%d-%d", q.From, q.To)
	}
	if q.Nodes != nil {
		text += fmt.Sprintf(" nodes=%d", len(q.Nodes))
	}
	ops := []string{"in", "<", "<=", ">", ">=", "in network", "exists"}
	for _, c := range q.Where {
		values := []string{}
		for _, v := range c.Values {
			values = append(values, v.Text())
		}
		op := ops[c.Op]
		if c.Not {
			op = "not " + op
		}
		text += fmt.Sprintf(" %v %s %v", c.Fields, op, values)
	}
	if q.Sort != "" {
		text += " sort " + q.Sort
	}
	if q.Descending {
		text += " down"
	}
	if q.Limit > 0 {
		text += fmt.Sprintf(" limit %d", q.Limit)
	}
	return text
}

// TestFlowShapes: JSON, lines and tables of what flows give.
func TestFlowShapes(t *testing.T) {
	w := flowWorld(t)
	id := func(alias string) string { return entity.TID(entity.UUID{}, alias, "flow").String() }
	flow := func(alias string) string {
		for i := range w.flows.reports {
			if r := &w.flows.reports[i]; w.flows.aliases[r.ID] == alias {
				return string(w.flows.table.Attrs(r).AppendJSON(nil))
			}
		}
		return ""
	}
	metric := `{"ABBytes":42,"ABPackets":1,"BABytes":0,"BAPackets":0,"Last":1005000,"Start":1005000}`
	for _, tc := range []struct{ query, want, lines, table string }{
		{
			"G.Flows()", "[" + flow("a") + "," + flow("b") + "," + flow("c") + "]", flow("a") + "\n" + flow("b") + "\n" + flow("c") + "\n",
			"Application|A|B|ABPackets|ABBytes|BAPackets|BABytes|Last|Interface|UUID\n" +
				"HTTPS|10.0.0.1:40000|10.0.0.2:443|10|1000|0|0|1970-01-01T00:16:44.000Z|eth0|" + id("a") + "\n" +
				"ARP|02:00:00:00:00:01|ff:ff:ff:ff:ff:ff|1|42|0|0|1970-01-01T00:16:45.000Z|eth0|" + id("b") + "\n" +
				"HTTPS|[fd00::1]:40000|[fd00::2]:443|3|300|0|0|1970-01-01T00:16:46.000Z||" + id("c") + "\n",
		},
		{"G.Flows('Application', 'x')", "[]", "", "Application|A|B|ABPackets|ABBytes|BAPackets|BABytes|Last|Interface|UUID\n"},
		{
			"G.Flows().Group()", `[{"00000000000000a1":[` + flow("a") + "," + flow("c") + `],"00000000000000a2":[` + flow("b") + "]}]",
			`{"00000000000000a1":[` + flow("a") + "," + flow("c") + "]}\n" + `{"00000000000000a2":[` + flow("b") + "]}\n",
			"Group|Flows\n00000000000000a1|2\n00000000000000a2|1\n",
		},
		{"G.Flows().Group().MoreThan(5)", "[]", "", "Group|Flows\n"},
		{
			"G.Flows('Application', 'ARP').Metrics()", `[{"` + id("b") + `":[` + metric + "]}]", `{"` + id("b") + `":[` + metric + "]}\n",
			"ID|Start|Last|ABBytes|ABPackets|BABytes|BAPackets\n" + id("b") + "|1005000|1005000|42|1|0|0\n",
		},
		{"G.Flows('Application', 'x').Metrics()", "[]", "", "ID|Start|Last\n"},
		{
			"G.Flows().Metrics().Sum()", `{"ABBytes":1342,"ABPackets":14,"BABytes":0,"BAPackets":0,"Last":1006000,"RTT":5,"Start":1004000}`,
			`{"ABBytes":1342,"ABPackets":14,"BABytes":0,"BAPackets":0,"Last":1006000,"RTT":5,"Start":1004000}` + "\n",
			"Start|Last|ABBytes|ABPackets|BABytes|BAPackets|RTT\n1004000|1006000|1342|14|0|0|5\n",
		},
		{"G.Flows('Application', 'x').Metrics().Aggregates()", `[{"Aggregated":[]}]`, `{"Aggregated":[]}` + "\n", "ID|Start|Last\n"},
	} {
		r := w.askFlows(t, tc.query)
		var whole, lines bytes.Buffer
		if err := r.WriteJSON(&whole); err != nil || whole.String() != tc.want || !json.Valid(whole.Bytes()) {
			t.Errorf("%s: %v\n%s\nwant\n%s", tc.query, err, whole.String(), tc.want)
		}
		if err := r.WriteNDJSON(&lines); err != nil || lines.String() != tc.lines {
			t.Errorf("%s: lines %v\n%s\nwant\n%s", tc.query, err, lines.String(), tc.lines)
		}
		table := strings.Join(r.Columns(), "|") + "\n"
		for row := range r.Rows() {
			if len(row) != len(r.Columns()) {
				t.Errorf("%s: a row of %d cells", tc.query, len(row))
			}
			table += strings.Join(row, "|") + "\n"
		}
		if table != tc.table {
			t.Errorf("%s: got\n%s\nwant\n%s", tc.query, table, tc.table)
		}
		var eval *EvalError
		if err := r.WriteDOT(&lines); !errors.As(err, &eval) {
			t.Errorf("%s: drawn: %v", tc.query, err)
		}
	}
}

// TestFlowErrors: without a source, and when it fails.
func TestFlowErrors(t *testing.T) {
	w := flowWorld(t)
	for _, text := range []string{"G.Flows()", "G.V().Flows()", "G.Flows().Count()"} {
		_, err := mustParse(t, text).Run(t.Context(), w.view, Limits{})
		var eval *EvalError
		if !errors.As(err, &eval) || !strings.HasSuffix(err.Error(), ": Flows: no flows are kept here") {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := mustParse(t, "G.At(1004).V().Metrics()").RunPast(t.Context(), w.view, w.past, Limits{}); err == nil || err.Error() != "line 1, column 16: Metrics: no flows are kept here" {
		t.Errorf("got %v", err)
	}
	w.flows.refuse = errTable
	for _, text := range []string{
		"G.Flows()", "G.Flows().Count()", "G.Flows().Sort()", "G.Flows().Group()", "G.Flows().Hops()", "G.Flows().Metrics().Aggregates()",
		"G.At(1004).V().Metrics()", "G.Flows().Sum('Metric.ABBytes')", "G.Flows().Keys()", "G.Flows().Dedup()", "G.Flows().Values('Start').Sort()",
	} {
		_, err := mustParse(t, text).run(t.Context(), w.view, w.sources(), w.Now, Limits{})
		var fe *FlowError
		if !errors.As(err, &fe) || !errors.Is(err, errTable) {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if p, ok := PositionOf(err); !ok || p.Pos != strings.Index(text, fe.Step) {
			t.Errorf("%s: position %+v of %v", text, p, err)
		}
	}
	// What was taken before the source failed is no answer, but a limit that was
	// reached before is.
	if r, err := mustParse(t, "G.Flows().Limit(2)").run(t.Context(), w.view, w.sources(), w.Now, Limits{}); err != nil || r.Len() != 2 {
		t.Errorf("got %v", err)
	}
}

// slowFlows answers when the one who asks gives up.
type slowFlows struct{ *flowTable }

func (slowFlows) Flows(ctx context.Context, _ *flowrecord.Query) iter.Seq2[*flowrecord.Record, error] {
	return func(yield func(*flowrecord.Record, error) bool) {
		<-ctx.Done()
		yield(nil, fmt.Errorf("read rows: %w", ctx.Err()))
	}
}

func TestFlowsInTime(t *testing.T) {
	w := flowWorld(t)
	q := mustParse(t, "G.Flows().Sort().Count()")
	var limit *LimitError
	if _, err := q.RunOn(t.Context(), w.view, Sources{Flows: slowFlows{}}, Limits{Time: time.Millisecond}); !errors.As(err, &limit) || limit.Limit != "time" {
		t.Errorf("got %v", err)
	}
	gone := errors.New("the client went away")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(gone)
	if _, err := q.RunOn(ctx, w.view, Sources{Flows: slowFlows{}}, Limits{Time: -1}); !errors.Is(err, gone) {
		t.Errorf("got %v", err)
	}
}

// manyFlows is a source of n flows, of which each one asks for nothing.
type manyFlows struct {
	*flowTable
	n, taken int
}

func (m *manyFlows) Flows(context.Context, *flowrecord.Query) iter.Seq2[*flowrecord.Record, error] {
	return func(yield func(*flowrecord.Record, error) bool) {
		m.taken = 0
		r := &flowrecord.Record{TCP: &flowrecord.TCP{}}
		for i := range m.n {
			m.taken++
			r.ID[0], r.ID[1], r.ID[2] = byte(i>>16), byte(i>>8), byte(i)
			r.TrackingID, r.Metric.ABBytes, r.Metric.Last = flowrecord.Tracking(i%7+1), int64(i*7919%m.n), int64(i)*1e6
			if !yield(r, nil) {
				return
			}
		}
	}
}

// TestFlowsStream: what needs no memory takes none, and what is not needed is
// not taken from the source.
func TestFlowsStream(t *testing.T) {
	w := flowWorld(t)
	src := &manyFlows{n: 100_000}
	for _, tc := range []struct {
		query         string
		memory, taken int
		answer        string
	}{
		{"G.Flows().Count()", 1, 100_000, "100000"},
		{"G.Flows().Has('Metric.ABBytes', LT(10)).Count()", 1, 100_000, "10"},
		{"G.Flows().Sum('Metric.ABBytes')", 1, 100_000, "4999950000"},
		{"G.Flows().Limit(3).Count()", 1, 3, "3"},
		{"G.Flows().Has('Application', REGEX('x')).Limit(3).Count()", 1, 100_000, "0"},
		{"G.Flows().Dedup().Count()", 7 * 200, 100_000, "7"},
		{"G.Flows().Dedup().Limit(7).Count()", 7 * 200, 7, "7"},
		{"G.Flows().Sort(DESC, 'Metric.ABBytes').Limit(3).Values('Metric.ABBytes')", 3*recordBytes + 1000, 100_000, "[99999,99998,99997]"},
		{"G.Flows().Sort(DESC).Range(1, 3).Values('Last')", 3*recordBytes + 1000, 100_000, "[99998,99997]"},
		{"G.Flows().Sort('Metric.ABBytes').Limit(2).Values('Metric.ABBytes')", 3 * recordBytes, 100_000, "[0,1]"},
	} {
		r, err := mustParse(t, tc.query).RunOn(t.Context(), w.view, Sources{Flows: src}, Limits{Memory: tc.memory})
		if err != nil {
			t.Errorf("%s: %v", tc.query, err)
			continue
		}
		if got := string(r.AppendJSON(nil)); got != tc.answer || src.taken != tc.taken {
			t.Errorf("%s: %s after %d flows, want %s after %d", tc.query, got, src.taken, tc.answer, tc.taken)
		}
	}
}

// TestFlowLimits: each limit holds for flows, whatever the step.
func TestFlowLimits(t *testing.T) {
	w := flowWorld(t)
	src := &manyFlows{n: 100_000}
	for _, tail := range []string{"", ".Sort()", ".Group()", ".Metrics()", ".ValueMap()", ".Sort().Metrics().Sum()", ".Dedup('UUID').Count()", ".Metrics().Aggregates(1)"} {
		var limit *LimitError
		if _, err := mustParse(t, "G.Flows()"+tail).RunOn(t.Context(), w.view, Sources{Flows: src}, Limits{Memory: 100_000}); !errors.As(err, &limit) || limit.Limit != "memory" {
			t.Errorf("%q: %v", tail, err)
		}
		if _, err := mustParse(t, "G.Flows()"+tail).RunOn(t.Context(), w.view, Sources{Flows: src}, Limits{Visited: 5000}); !errors.As(err, &limit) || limit.Limit != "visited" {
			t.Errorf("%q: %v", tail, err)
		}
		if src.taken > 10_000 {
			t.Errorf("%q: %d flows were taken", tail, src.taken)
		}
	}
	var limit *LimitError
	if _, err := mustParse(t, "G.Flows()").RunOn(t.Context(), w.view, Sources{Flows: src}, Limits{Results: 10}); !errors.As(err, &limit) || limit.Limit != "results" {
		t.Errorf("got %v", err)
	}
	r, err := mustParse(t, "G.Flows().Group()").RunOn(t.Context(), w.view, Sources{Flows: src}, Limits{Memory: -1, Bytes: 1000})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.WriteJSON(&bytes.Buffer{}); !errors.As(err, &limit) || limit.Limit != "bytes" {
		t.Errorf("got %v", err)
	}
}

// TestFlowsAtBase: the graph that is asked may itself be of another time.
func TestFlowsAtBase(t *testing.T) {
	w := flowWorld(t)
	src := w.sources()
	src.At = time.Unix(1005, 0)
	for text, want := range map[string]string{
		"G.Flows()": "b", "G.At(NOW).Flows()": "b", "G.At(1004).Flows()": "a", "G.At(1004).V().G.V().Flows()": "b",
	} {
		r, err := mustParse(t, text).run(t.Context(), w.view, src, w.Now, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(w.show(r), " "); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	if !mustParse(t, "G.V().Flows().Count()").AsksFlows() || mustParse(t, "G.V().Metrics()").AsksFlows() {
		t.Error("AsksFlows is wrong")
	}
}

// TestFlowPlacesWithoutIndex: nodes are found also when the view has no index
// for the key.
func TestFlowPlacesWithoutIndex(t *testing.T) {
	w := flowWorld(t)
	w.load("node odd dummy MAC="+strings.Repeat("x", 300), `node two veth MAC=["02:00:00:00:00:05","ff:ff:ff:ff:ff:ff"]`)
	if _, count := w.view.SlotsWith("MAC", entity.String("x")); count >= 0 {
		t.Fatal("there is an index")
	}
	if got := strings.Join(w.show(w.askFlows(t, "G.Flows('Application', 'ARP').Both()")), " "); got != "eth0 two" {
		t.Errorf("got %q", got)
	}
}

// TestFlowAccessors: flows, groups and metrics of results, and those of other
// kinds.
func TestFlowAccessors(t *testing.T) {
	w := flowWorld(t)
	r := w.askFlows(t, "G.Flows().Sort('Metric.ABBytes')")
	var bytes []int64
	for f := range r.Flows() {
		bytes = append(bytes, f.Metric.ABBytes)
		if f.Application == "HTTPS" && f.Metric.ABBytes == 1000 && f.TCP.State != "ESTABLISHED" {
			t.Errorf("a record was used again: %+v", f)
		}
	}
	if fmt.Sprint(bytes) != "[42 300 1000]" || r.Len() != 3 {
		t.Errorf("got %v", bytes)
	}
	for range r.Groups() {
		t.Error("flows have groups")
	}
	for range w.askFlows(t, "G.Flows().Group()").Metrics() {
		t.Error("groups have metrics")
	}
	if n := w.askFlows(t, "G.Flows().Group()").Len(); n != 2 {
		t.Errorf("%d groups", n)
	}
}

// TestFlowsConcurrently: one query by many goroutines.
func TestFlowsConcurrently(t *testing.T) {
	w := flowWorld(t)
	q := mustParse(t, "G.Flows().Has('Transport', 443).Sort(DESC, 'Metric.ABBytes').Limit(5).Metrics().Sum('ABBytes')")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			src := Sources{Flows: &flowTable{table: w.flows.table, reports: w.flows.reports, now: w.Now}}
			for range 50 {
				r, err := q.RunOn(t.Context(), w.view, src, Limits{})
				if err != nil || r.Number().Int() != 1300 {
					t.Errorf("%v %v", r, err)
					return
				}
			}
		})
	}
	wg.Wait()
}
