package api

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/skein-net/skein/topologyd/gremlin"
)

// ask posts a body and reads the answer.
func ask[T any](t *testing.T, b *bench, path, body string) (answer T) {
	t.Helper()
	resp, text := b.do(http.MethodPost, path, body)
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != typeJSON {
		t.Fatalf("%s %s: %d %s", path, body, resp.StatusCode, text)
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

func TestComplete(t *testing.T) {
	b := newBench(t, nil)
	b.fill(3)
	got := ask[completeAnswer](t, b, "/api/v1/complete", `{"gremlin":"G.V().Has('Na","offset":13}`)
	want := completeAnswer{From: 10, To: 13, Items: []completeItem{{Kind: "key", Text: "Name", Insert: "'Name'", Detail: got.Items[0].Detail, Count: 5}}}
	if !reflect.DeepEqual(got, want) || got.Items[0].Detail == "" {
		t.Errorf("%+v", got)
	}
	got = ask[completeAnswer](t, b, "/api/v1/complete", `{"gremlin":"G.V().Has('Type', '').Count()","offset":19,"limit":1}`)
	want = completeAnswer{From: 18, To: 20, Items: []completeItem{{Kind: "value", Text: "device", Insert: "'device'", Count: 3}}, More: true}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	if _, text := b.do(http.MethodPost, "/api/v1/complete", `{"gremlin":"nonsense","offset":3}`); text != `{"from":0,"to":8,"items":[],"more":false,"sampled":false}`+"\n" {
		t.Error(text)
	}
	if _, text := b.do(http.MethodPost, "/api/v1/complete", `{"gremlin":"G.V().Has('MTU', L","offset":18}`); !strings.Contains(text, `"insert":"LT("`) || strings.Contains(text, `\u003c`) {
		t.Error(text)
	}
}

func TestCompleteErrors(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Concurrency = 1; c.Limits.Time = time.Second })
	long := strings.Repeat("G", gremlin.MaxText+1)
	for body, want := range map[string]string{
		``:                            `"invalid"`,
		`[]`:                          `send {\"gremlin\":\"G.V().\",\"offset\":6}`,
		`{"gremlin":"G","offset":-1}`: "offset -1: want 0 to 1",
		`{"gremlin":"G","offset":2}`:  "offset 2: want 0 to 1",
		`{"gremlin":"G","limit":-1}`:  "limit -1: want 1 to 1000",
		`{"gremlin":"G","limit":0}`:   "limit 0: want 1 to 1000",
		`{"gremlin":"G","more":1}`:    `unknown field \"more\"`,
		`{"gremlin":"G"} {}`:          "there is text after",
		`{"gremlin":"` + long + `"}`:  "the limit is 65536",
		`{"gremlin":"G","at":"1h"}`:   "at: ",
	} {
		if resp, text := b.do(http.MethodPost, "/api/v1/complete", body); resp.StatusCode != http.StatusBadRequest || !strings.Contains(text, want) {
			t.Errorf("%.60s: %d %s, want %s", body, resp.StatusCode, text, want)
		}
	}
	if resp, text := b.do(http.MethodPost, "/api/v1/complete", `{"gremlin":"G","at":"-1h"}`); resp.StatusCode != http.StatusNotImplemented {
		t.Errorf("%d %s", resp.StatusCode, text)
	}
	if resp, text := b.do(http.MethodPost, "/api/v1/check", strings.Repeat(" ", maxQueryBody+1)); resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("%d %s", resp.StatusCode, text)
	}
	if resp, text := b.do(http.MethodPost, "/api/v1/check", `{"query":"G"}`); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("%d %s", resp.StatusCode, text)
	}
	defer b.hold()()
	if resp, text := b.do(http.MethodPost, "/api/v1/complete", `{"gremlin":"G","offset":1}`); resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		t.Errorf("%d %s", resp.StatusCode, text)
	}
}

// TestCheck: a text that is no query is refused as the query would be, word for
// word, and at the same place.
func TestCheck(t *testing.T) {
	b := newBench(t, nil)
	for _, text := range []string{
		"", " ", "G.", "G.V(", "G.V().Hsa('Name')", "G.V().Count().Out()", "G.V().Has('Type', REGEXP('veth'))", "G\n .V()\n .Has(ü)",
		"G.V().Has('Name', REGEX('('))", "G.Flows().Has('Aplication', 'x')", "G.V()" + strings.Repeat(".Out()", 1001), strings.Repeat("G", gremlin.MaxText+1),
		"G.V().Metrics().Aggregates(60).Aggregates(60, 'Name')", "\xff",
	} {
		body, err := json.Marshal(map[string]string{"gremlin": text})
		if err != nil {
			t.Fatal(err)
		}
		got := ask[map[string]json.RawMessage](t, b, "/api/v1/check", string(body))
		_, query := b.do(http.MethodPost, "/api/v1/query", string(body))
		if refused := `{"error":` + string(got["error"]) + "}\n"; string(got["ok"]) != "false" || got["kind"] != nil || unescaped(t, refused) != unescaped(t, query) {
			t.Errorf("%.60q: %s, the query %s", text, refused, query)
		}
	}
	for text, want := range map[string]checkAnswer{
		"G":                              {OK: true, Kind: "graph"},
		"g.v().has('Name', 'x')":         {OK: true, Kind: "nodes"},
		"G.At('-1h').Flows()":            {OK: true, Kind: "flows", Travels: true, Flows: true},
		"G.At(NOW).V().Values('Name')":   {OK: true, Kind: "values"},
		"G.V().Flows().Metrics().Sum()":  {OK: true, Kind: "map", Flows: true},
		"G.At('2001-01-01').V().Count()": {OK: true, Kind: "number", Travels: true},
	} {
		body, err := json.Marshal(map[string]string{"gremlin": text})
		if err != nil {
			t.Fatal(err)
		}
		if got := ask[checkAnswer](t, b, "/api/v1/check", string(body)); got != want {
			t.Errorf("%s: %+v, want %+v", text, got, want)
		}
	}
}

// unescaped is a JSON text whose strings are written in one way.
func unescaped(t *testing.T, text string) string {
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestSteps(t *testing.T) {
	b := newBench(t, nil)
	resp, text := b.do(http.MethodGet, "/api/v1/steps", "")
	var got []stepAnswer
	if err := json.Unmarshal([]byte(text), &got); err != nil || resp.StatusCode != http.StatusOK || len(got) != len(gremlin.References()) {
		t.Fatalf("%d %s %v", resp.StatusCode, text, err)
	}
	for _, s := range got {
		switch s.Name {
		case "Has":
			if want := (stepAnswer{Name: "Has", Arguments: s.Arguments, On: []string{"nodes", "edges", "values", "maps", "flows"}, Gives: []string{"nodes", "edges", "values", "maps", "flows"}, Detail: s.Detail, Example: s.Example}); !reflect.DeepEqual(s, want) || s.Detail == "" {
				t.Errorf("%+v", s)
			}
		case "WITHIN":
			if !s.Function || len(s.On) != 0 {
				t.Errorf("%+v", s)
			}
		}
	}
}

// TestCompleteAt: keys and values are those of the time.
func TestCompleteAt(t *testing.T) {
	p := lived(t, nil)
	for at, want := range map[string]string{"": "9000", "2026-03-01T12:03:30Z": "1500 1500", "2026-03-01T12:04:30Z": "1500 9000"} {
		body, err := json.Marshal(map[string]any{"gremlin": "G.V().Has('MTU', ", "offset": 17, "at": at})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, i := range ask[completeAnswer](t, p.bench, "/api/v1/complete", string(body)).Items {
			for range i.Count {
				got = append(got, i.Insert)
			}
		}
		if text := strings.Join(got, " "); text != want {
			t.Errorf("at %q: %s, want %s", at, text, want)
		}
	}
	if resp, text := p.do(http.MethodPost, "/api/v1/complete", `{"gremlin":"G","offset":1,"at":"2001-01-01"}`); resp.StatusCode != http.StatusGone {
		t.Errorf("%d %s", resp.StatusCode, text)
	}
}

// TestLanguageShapes holds the schemas against what is really sent.
func TestLanguageShapes(t *testing.T) {
	d := parse(t)
	b := newBench(t, nil)
	b.fill(1)
	c := ask[map[string]any](t, b, "/api/v1/complete", `{"gremlin":"G.V().Has(","offset":10}`)
	checkShape(t, "Completion", d.Components.Schemas["Completion"], c)
	for _, i := range c["items"].([]any) {
		checkShape(t, "CompletionItem", d.Components.Schemas["CompletionItem"], i.(map[string]any))
	}
	checkShape(t, "Verdict", d.Components.Schemas["Verdict"], ask[map[string]any](t, b, "/api/v1/check", `{"gremlin":"G"}`))
	checkShape(t, "Verdict", d.Components.Schemas["Verdict"], ask[map[string]any](t, b, "/api/v1/check", `{"gremlin":"x"}`))
	_, text := b.do(http.MethodGet, "/api/v1/steps", "")
	var steps []map[string]any
	if err := json.Unmarshal([]byte(text), &steps); err != nil {
		t.Fatal(err)
	}
	for _, s := range steps {
		checkShape(t, "Step", d.Components.Schemas["Step"], s)
	}
}
