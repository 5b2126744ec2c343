package flowstore

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
)

func TestConditions(t *testing.T) {
	str, num := entity.String, entity.Int
	for _, c := range []struct {
		cond  flowrecord.Condition
		want  string
		exact bool
	}{
		{flowrecord.Condition{Fields: []string{"Application"}, Values: []entity.Value{str("HTTPS")}}, `"network.protocol.name":="HTTPS"`, true},
		{flowrecord.Condition{Fields: []string{"Application"}, Values: []entity.Value{str("HTTPS")}, Not: true}, `!("network.protocol.name":="HTTPS")`, true},
		{flowrecord.Condition{Fields: []string{"Application"}, Values: []entity.Value{str(`") or *`), str("b")}}, `"network.protocol.name":in("\") or *","b")`, true},
		{flowrecord.Condition{Fields: []string{"Application"}, Values: []entity.Value{str("")}}, `!*`, true},
		{flowrecord.Condition{Fields: []string{"Network.A", "Network.B"}, Op: flowrecord.InNetwork, Values: []entity.Value{str("10.0.0.1/8")}},
			`("source.address":ipv4_range("10.0.0.0/8") or "destination.address":ipv4_range("10.0.0.0/8"))`, true},
		{flowrecord.Condition{Fields: []string{"Network.A"}, Op: flowrecord.InNetwork, Values: []entity.Value{str("fe80::/10")}, Not: true}, `*`, false},
		{flowrecord.Condition{Fields: []string{"Transport.Protocol"}, Values: []entity.Value{str("TCP")}}, `"network.transport":="tcp"`, true},
		{flowrecord.Condition{Fields: []string{"Transport.Protocol"}, Values: []entity.Value{str("tcp")}}, `!*`, true},
		{flowrecord.Condition{Fields: []string{"Transport.B"}, Values: []entity.Value{num(443)}}, `"destination.port":="443"`, true},
		{flowrecord.Condition{Fields: []string{"Transport.B"}, Op: flowrecord.Less, Values: []entity.Value{num(1024)}}, `"destination.port":<=1023`, true},
		{flowrecord.Condition{Fields: []string{"Metric.ABBytes"}, Op: flowrecord.Less, Values: []entity.Value{num(10)}}, `("flow.bytes":<=9 or "flow.bytes":="")`, true},
		{flowrecord.Condition{Fields: []string{"Metric.ABBytes"}, Op: flowrecord.Greater, Values: []entity.Value{num(1 << 60)}}, `"flow.bytes":>=1152921504606844929`, false},
		{flowrecord.Condition{Fields: []string{"Metric.ABBytes"}, Values: []entity.Value{num(0)}}, `("flow.bytes":="" or "flow.bytes":="0")`, true},
		{flowrecord.Condition{Fields: []string{"Start"}, Op: flowrecord.LessEqual, Values: []entity.Value{num(5)}}, `"network.flow.start":<=6000000`, false},
		{flowrecord.Condition{Fields: []string{"ParentUUID"}, Op: flowrecord.Exists}, `"flow.parent_id":*`, true},
		{flowrecord.Condition{Fields: []string{"DNS.Questions"}, Op: flowrecord.Exists}, `*`, false},
		{flowrecord.Condition{Fields: []string{"Last"}, Op: flowrecord.Exists}, `*`, false},
	} {
		f := condition(flowrecord.NewTable(), &c.cond)
		if f.String() != c.want || f.exact != c.exact {
			t.Errorf("%s: %s, exact %v, want %s, %v", show(c.cond), f, f.exact, c.want, c.exact)
		}
		if _, err := logstorage.ParseFilter(f.String()); err != nil {
			t.Errorf("%s: %v", f, err)
		}
	}
}

// FuzzEqual has LogsQL find a value among others, whatever it is.
func FuzzEqual(f *testing.F) {
	for _, s := range strange() {
		f.Add(s, "x")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, values := range [][]string{{a}, {a, b}, {b, a, "y"}} {
			eq := equal("network.protocol.name", values...)
			for _, neg := range []filter{eq, not(eq)} {
				p, err := logstorage.ParseFilter(and(event("e"), neg).String())
				if err != nil {
					t.Fatalf("%s: %v", neg, err)
				}
				for _, v := range []string{a, b, "y", "z", ""} {
					row := []logstorage.Field{{Name: fieldEvent, Value: "e"}, {Name: "network.protocol.name", Value: v}}
					in := false
					for _, x := range values {
						in = in || x == v && v != ""
					}
					if want := in == reflect.DeepEqual(neg, eq); p.MatchRow(row) != want {
						t.Fatalf("%s: %q found: %v", neg, v, !want)
					}
				}
			}
		}
	})
}

// FuzzEncode stores nothing: what is encoded must read back the same.
func FuzzEncode(f *testing.F) {
	f.Add(uint64(1), "a")
	f.Fuzz(func(t *testing.T, seed uint64, text string) {
		w := newWorld(seed, 1e18, 1e9)
		e, d := newEncoder(), newDecoder(flowrecord.NewTable())
		for _, r := range w.flow() {
			r.Application = text
			x, refused := e.flow(&r)
			if refused != "" {
				return
			}
			var b block
			b.rows = 1
			for _, f := range x.fields {
				b.columns = append(b.columns, logstorage.BlockColumn{Name: f.Name, Values: []string{f.Value}})
			}
			if got := d.record(d.bind(&b, nil), 0, x.time); !same(got, &r) {
				t.Fatalf("%s, want %s", show(got), show(r))
			}
			var rb rowBlock
			if err := rb.add(appendLine(nil, &x)); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// FuzzAnswer reads what a VictoriaLogs might say.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"_time":"2024-01-01T00:00:00Z","flow.id":"6ba7b810-9dad-11d1-80b4-00c04fd430c8","flow.dns":"{}"}`))
	f.Add([]byte(`cannot execute query`))
	f.Fuzz(func(t *testing.T, line []byte) {
		var rb rowBlock
		for range 2 {
			if rb.add(line) != nil {
				return
			}
		}
		d := newDecoder(flowrecord.NewTable())
		b := rb.block()
		cols := d.bind(b, nil)
		for i := range b.rows {
			d.record(cols, i, 1)
		}
		countersOf(b)
	})
}

func TestParseInt(t *testing.T) {
	for s, want := range map[string]int64{"0": 0, "9223372036854775807": 1<<63 - 1, "-9223372036854775808": -1 << 63, "-5": -5} {
		if n, ok := parseInt(s); !ok || n != want {
			t.Errorf("%s: %d %v", s, n, ok)
		}
	}
	for _, s := range []string{"", "-", "9223372036854775808", "1.0", "+1", "99999999999999999999", " 1"} {
		if _, ok := parseInt(s); ok {
			t.Errorf("%q is a number", s)
		}
	}
}

// TestDocumented parses the queries that docs/formats/flow-store.md shows.
func TestDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/formats/flow-store.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "## LogsQL")
	parts := strings.Split(rest, "```")
	if len(parts) < 3 {
		t.Fatal("no queries")
	}
	for q := range strings.SplitSeq(parts[1], "\n\n") {
		if _, err := logstorage.ParseQuery(q); err != nil {
			t.Errorf("%s: %v", q, err)
		}
	}
}
