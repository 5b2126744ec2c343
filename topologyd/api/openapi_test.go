package api

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/graph"
)

// document is the part of the OpenAPI document that code must agree with.
type document struct {
	OpenAPI string
	Paths   map[string]map[string]struct {
		OperationID string `yaml:"operationId"`
		Parameters  []struct{ Name, In string }
	}
	Components struct {
		Schemas map[string]schema
	}
}

type schema struct {
	Properties map[string]schema
	Enum       []string
	Required   []string
}

func parse(t *testing.T) document {
	t.Helper()
	var d document
	if err := yaml.Unmarshal(OpenAPI(), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestReferencesResolve(t *testing.T) {
	d := parse(t)
	for _, part := range strings.Split(string(OpenAPI()), "#/components/schemas/")[1:] {
		name := part[:strings.IndexAny(part, `"`)]
		if _, ok := d.Components.Schemas[name]; !ok {
			t.Errorf("no schema %s", name)
		}
	}
	ids := map[string]bool{}
	for path, ops := range d.Paths {
		for method, op := range ops {
			if op.OperationID == "" || ids[op.OperationID] {
				t.Errorf("%s %s: operationId %q is missing or there twice", method, path, op.OperationID)
			}
			ids[op.OperationID] = true
		}
	}
}

// TestShapes holds the schemas against what is really sent.
func TestShapes(t *testing.T) {
	d := parse(t)
	b := newBench(t, nil)
	changes := b.fill(1)
	encode := func(v any) map[string]any {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var m map[string]any
		if err := json.Unmarshal(data, &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	for _, c := range changes {
		m := encode(json.RawMessage(c.AppendJSON(nil)))
		checkShape(t, "Change", d.Components.Schemas["Change"], m)
		if n, ok := m["node"].(map[string]any); ok {
			checkShape(t, "Node", d.Components.Schemas["Node"], n)
		}
		if e, ok := m["edge"].(map[string]any); ok {
			checkShape(t, "Edge", d.Components.Schemas["Edge"], e)
		}
	}
	status := encode(statusAnswer{Past: &statusPast{}})
	s := d.Components.Schemas["Status"]
	checkShape(t, "Status", s, status)
	for _, k := range []string{"events", "log", "watch", "queries", "past"} {
		checkShape(t, "Status."+k, s.Properties[k], status[k].(map[string]any))
	}
	n := 1
	checkShape(t, "Error", d.Components.Schemas["Error"], encode(httpx.Error{Position: &httpx.Position{Line: 1, Column: 1}, Accepted: &n, Rejected: &n, Oldest: "x"}))
	checkShape(t, "AuditRecord", d.Components.Schemas["AuditRecord"], encode(auditExample()))
	checkShape(t, "Position", d.Components.Schemas["Position"], encode(httpx.Position{Line: 1, Column: 1}))
	for op := graph.NodeAdded; op <= graph.EdgeDeleted; op++ {
		if !slices.Contains(d.Components.Schemas["Change"].Properties["op"].Enum, op.String()) {
			t.Errorf("operation %s is not in the document", op)
		}
	}
	codes := []string{httpx.CodeSyntax, httpx.CodeType, httpx.CodeLimit, httpx.CodeInvalid, httpx.CodeTooLarge, httpx.CodeUnsupported,
		httpx.CodeUnknown, httpx.CodeForbidden, httpx.CodeNotFound, httpx.CodeMethod, httpx.CodeConflict, httpx.CodeGone, httpx.CodeBusy, httpx.CodeUnavailable, httpx.CodeInternal}
	if got := d.Components.Schemas["Error"].Properties["code"].Enum; !slices.Equal(got, codes) {
		t.Errorf("codes %v, want %v", got, codes)
	}
}

// TestQueryDocument holds what a query may say against the document.
func TestQueryDocument(t *testing.T) {
	d := parse(t)
	b := newBench(t, nil)
	b.fill(1)
	values := map[string]string{"gremlin": "G.V().Count()", "at": "NOW", "format": "json", "explain": "true", "partial": "true",
		"timeout": "1s", "visited": "9", "results": "9", "bytes": "9000"}
	var names []string
	for _, p := range d.Paths["/api/v1/query"]["get"].Parameters {
		if p.In != "query" {
			continue
		}
		names = append(names, p.Name)
		if f := new(queryRequest).set(p.Name, values[p.Name]); f != nil || values[p.Name] == "" {
			t.Errorf("%s: %v", p.Name, f)
		}
	}
	s := d.Components.Schemas["Query"]
	for name := range s.Properties {
		if name != "limits" && !slices.Contains(names, name) {
			t.Errorf("%s may stand in a body, not in a URL", name)
		}
	}
	if len(names) != len(values) || len(s.Properties) != len(values)+1 {
		t.Errorf("parameters %v, properties %v", names, s.Properties)
	}
	body := map[string]any{"limits": map[string]any{"timeout": "1s", "visited": 9, "results": 9, "bytes": 9000}}
	for k, v := range values {
		body[k] = v
		if slices.Contains([]string{"explain", "partial", "visited", "results", "bytes"}, k) {
			body[k] = json.RawMessage(v)
		}
	}
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	resp, answer := b.do("POST", "/api/v1/query", string(text))
	var m map[string]any
	if err := json.Unmarshal([]byte(answer), &m); err != nil || resp.StatusCode != 200 {
		t.Fatalf("%d %s", resp.StatusCode, answer)
	}
	checkShape(t, "Explanation", d.Components.Schemas["Explanation"], m)
}

// checkShape holds one schema against what was sent.
func checkShape(t *testing.T, name string, s schema, m map[string]any) {
	t.Helper()
	for k := range m {
		if _, ok := s.Properties[k]; !ok {
			t.Errorf("%s: %s is not in the document", name, k)
		}
	}
	for _, k := range s.Required {
		if _, ok := m[k]; !ok {
			t.Errorf("%s: %s is required and not there", name, k)
		}
	}
}
