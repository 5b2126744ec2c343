package api

import (
	"encoding/csv"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// A part of the answer comes only when it is asked for, says which limit made
// it one, and is the beginning of the whole.
func TestQueryPartial(t *testing.T) {
	b := newBench(t, nil)
	b.fill(2000)
	for _, x := range []struct {
		query, param, value string
		limit               string // "": an error, even so
	}{
		{"G.V().Values('Name')", "results", "5", "results"},
		{"G.V().Values('Name')", "visited", "50", "visited"},
		{"G.V().Values('Name')", "bytes", "500", "bytes"},
		{"G.V().Sort('Name').Values('Name')", "results", "5", ""},
		{"G.V().Count()", "visited", "50", ""},
		{"G", "results", "5", ""},
	} {
		for _, format := range []string{"json", "ndjson", "csv"} {
			path := get(x.query, "format", format, x.param, x.value)
			if x.query == "G.V().Count()" {
				path = get("G.V().Out().In().Count()", "format", format, x.param, x.value)
			}
			resp, answer := b.do(http.MethodGet, path, "")
			if resp.StatusCode != 422 && resp.StatusCode != 408 || resp.Header.Get(HeaderLimit) == "" || x.limit != "" && resp.Header.Get(HeaderLimit) != x.limit {
				t.Errorf("%s: %d %v %.200s", path, resp.StatusCode, resp.Header, answer)
			}
			resp, answer = b.do(http.MethodGet, path+"&partial=1", "")
			if x.limit == "" {
				if resp.StatusCode != 422 {
					t.Errorf("%s, partial: %d %v %.200s", path, resp.StatusCode, resp.Header, answer)
				}
				continue
			}
			if resp.StatusCode != 200 || resp.Header.Get(HeaderLimit) != x.limit || resp.Header.Get("ETag") != "" {
				t.Errorf("%s, partial: %d %v %.200s", path, resp.StatusCode, resp.Header, answer)
			}
			_, whole := b.do(http.MethodGet, get(x.query, "format", format), "")
			part := strings.TrimSuffix(strings.TrimSpace(answer), "]")
			if !strings.HasPrefix(whole, part) {
				t.Errorf("%s, partial: %.200s is no beginning of %.200s", path, part, whole)
			}
			if format == "json" && !json.Valid([]byte(answer)) {
				t.Errorf("%s, partial: %.200s", path, answer)
			}
		}
		body, err := json.Marshal(map[string]any{"gremlin": x.query, "partial": true, "limits": map[string]any{"results": 3}})
		if err != nil {
			t.Fatal(err)
		}
		if resp, _ := b.do(http.MethodPost, "/api/v1/query", string(body)); x.limit != "" && resp.Header.Get(HeaderLimit) != "results" {
			t.Errorf("POST %s: %d %v", x.query, resp.StatusCode, resp.Header)
		}
	}
	// A whole answer is no part, and has a tag.
	resp, _ := b.do(http.MethodGet, get("G.V().Limit(3)", "partial", "1"), "")
	if resp.Header.Get(HeaderLimit) != "" || resp.Header.Get("ETag") == "" {
		t.Errorf("%v", resp.Header)
	}
	b.idle("afterwards")
}

// A long part is streamed, and the limit comes as a trailer.
func TestQueryPartialStream(t *testing.T) {
	b := newBench(t, nil)
	b.fill(2000)
	for param, value := range map[string]string{"results": "1000", "bytes": "200000"} {
		resp, answer := b.do(http.MethodGet, get("G.V()", "format", "ndjson", "partial", "1", param, value), "")
		if resp.StatusCode != 200 || resp.Header.Get(HeaderLimit) != "" || resp.Trailer.Get(HeaderLimit) != param || resp.Trailer.Get("ETag") != "" {
			t.Errorf("%s: %d %v %v", param, resp.StatusCode, resp.Header, resp.Trailer)
		}
		for line := range strings.Lines(answer) {
			if !json.Valid([]byte(line)) || strings.HasPrefix(line, `{"error"`) {
				t.Fatalf("%s: %s", param, line)
			}
		}
		resp, answer = b.do(http.MethodGet, get("G.V()", "format", "ndjson", param, value), "")
		lines := strings.Split(strings.TrimSpace(answer), "\n")
		if last := lines[len(lines)-1]; resp.Trailer.Get(HeaderLimit) != param || !strings.HasPrefix(last, `{"error":{"code":"limit"`) {
			t.Errorf("%s: %v %s", param, resp.Trailer, last)
		}
	}
	b.idle("afterwards")
}

func TestQueryExplain(t *testing.T) {
	b := newBench(t, nil)
	b.fill(20)
	query := "G.V().Has('Name','eth7').In().Values('Name')"
	for _, format := range []string{"", "json", "ndjson"} {
		resp, answer := b.do(http.MethodGet, get(query, "explain", "1", "format", format), "")
		var e struct {
			Query    string
			Steps    []struct{ Step string }
			Results  int
			Revision uint64
		}
		if err := json.Unmarshal([]byte(answer), &e); err != nil || resp.StatusCode != 200 || e.Query != "G.V().Has('Name', 'eth7').In().Values('Name')" || len(e.Steps) == 0 || e.Results != 1 || e.Revision == 0 {
			t.Errorf("%q: %d %v %s", format, resp.StatusCode, err, answer)
		}
		if resp.Header.Get(HeaderKind) != "explanation" || resp.Header.Get("ETag") != "" || resp.Header.Get(HeaderRevision) == "" {
			t.Errorf("%q: %v", format, resp.Header)
		}
	}
	resp, answer := b.do(http.MethodGet, get(query, "explain", "true"), "", "Accept", typeCSV)
	if rows, err := csv.NewReader(strings.NewReader(answer)).ReadAll(); err != nil || rows[0][0] != "Step" || rows[len(rows)-1][0] != "total" {
		t.Errorf("%d %s", resp.StatusCode, answer)
	}
	resp, answer = b.do(http.MethodPost, "/api/v1/query", `{"gremlin":"G.V().Out().In().Count()","explain":true,"limits":{"visited":10}}`)
	if resp.StatusCode != 200 || resp.Header.Get(HeaderLimit) != "visited" || !strings.Contains(answer, `"limit":"visited"`) {
		t.Errorf("%d %v %s", resp.StatusCode, resp.Header, answer)
	}
	if resp, answer := b.do(http.MethodGet, get("G.V(", "explain", "1"), ""); resp.StatusCode != 400 {
		t.Errorf("%d %s", resp.StatusCode, answer)
	}
	if resp, answer := b.do(http.MethodGet, get("G", "explain", "1", "format", "dot"), ""); resp.StatusCode != 400 {
		t.Errorf("%d %s", resp.StatusCode, answer)
	}
	b.idle("afterwards")
}
