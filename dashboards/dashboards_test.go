package dashboards

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestCommitted(t *testing.T) {
	files, err := Files()
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, f := range files {
		names[f.Name] = true
		have, err := os.ReadFile(filepath.Join("json", f.Name))
		if err != nil {
			t.Fatalf("%v: go generate ./dashboards writes it", err)
		}
		if !bytes.Equal(have, f.JSON) {
			t.Errorf("json/%s is not what the builders make: run go generate ./dashboards", f.Name)
		}
	}
	entries, err := os.ReadDir("json")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !names[e.Name()] {
			t.Errorf("json/%s is made by nobody", e.Name())
		}
	}
}

func TestSameBytes(t *testing.T) {
	first, err := Files()
	if err != nil {
		t.Fatal(err)
	}
	second, err := Files()
	if err != nil {
		t.Fatal(err)
	}
	for i := range first {
		if !bytes.Equal(first[i].JSON, second[i].JSON) {
			t.Errorf("%s differs from one time to the next", first[i].Name)
		}
	}
}

func TestBoards(t *testing.T) {
	boards, _ := generated(t)
	want := []string{UIDCaptures, UIDChanges, UIDFlows, UIDHealth, UIDHost, UIDNode, UIDOverview}
	var have []string
	for uid, b := range boards {
		have = append(have, uid)
		if b.SchemaVersion != 42 {
			t.Errorf("%s: schema version %d, Grafana 12.3 has 42", uid, b.SchemaVersion)
		}
		if b.ID != nil {
			t.Errorf("%s has an ID, which an installation gives", uid)
		}
		if b.Title == "" || b.Description == "" || !slices.Contains(b.Tags, "skein") {
			t.Errorf("%s lacks a title, a description or the tag skein", uid)
		}
		if b.Time.From != "now-1h" || b.Time.To != "now" || b.Refresh == "" {
			t.Errorf("%s: time %s to %s, refresh %q", uid, b.Time.From, b.Time.To, b.Refresh)
		}
	}
	slices.Sort(have)
	if !slices.Equal(have, want) {
		t.Errorf("dashboards %v, want %v", have, want)
	}
}

func TestPanels(t *testing.T) {
	boards, _ := generated(t)
	for uid, b := range boards {
		ids := map[int]string{}
		b.each(func(p panelJSON) {
			if other, twice := ids[p.ID]; twice || p.ID == 0 {
				t.Errorf("%s: panels %q and %q have the ID %d", uid, p.Title, other, p.ID)
			}
			ids[p.ID] = p.Title
			if p.Title == "" {
				t.Errorf("%s: panel %d has no title", uid, p.ID)
			}
			if p.Type == "row" {
				return
			}
			if !strings.HasPrefix(p.Datasource.UID, "${") {
				t.Errorf("%s: panel %q has the datasource %q, want a variable", uid, p.Title, p.Datasource.UID)
			}
			if p.Type == "text" {
				return
			}
			if p.Description == "" {
				t.Errorf("%s: panel %q has no description", uid, p.Title)
			}
			if p.Type != "nodeGraph" && p.FieldConfig.Defaults.Unit == "" {
				t.Errorf("%s: panel %q has no unit", uid, p.Title)
			}
			if len(p.Targets) == 0 {
				t.Errorf("%s: panel %q asks nothing", uid, p.Title)
			}
		})
	}
}

func TestGrid(t *testing.T) {
	boards, _ := generated(t)
	for uid, b := range boards {
		taken := map[[2]int]string{}
		occupy := func(p panelJSON) {
			g := p.GridPos
			if g.W < 1 || g.H < 1 || g.X < 0 || g.X+g.W > gridWidth {
				t.Errorf("%s: panel %q is at %+v", uid, p.Title, g)
			}
			for x := g.X; x < g.X+g.W; x++ {
				for y := g.Y; y < g.Y+g.H; y++ {
					if other := taken[[2]int{x, y}]; other != "" {
						t.Fatalf("%s: panels %q and %q overlap at %d,%d", uid, p.Title, other, x, y)
					}
					taken[[2]int{x, y}] = p.Title
				}
			}
		}
		b.each(occupy)
	}
}

// used finds variables in texts: ${name}, ${name:format}, $name, [[name]].
var used = regexp.MustCompile(`\$\{([A-Za-z_]\w*)(?:[.:\[][^}]*)?\}|\$([A-Za-z_]\w*)|\[\[(\w+)`)

func TestVariables(t *testing.T) {
	boards, texts := generated(t)
	for uid, b := range boards {
		defined := map[string]bool{}
		for _, v := range b.Templating.List {
			if defined[v.Name] {
				t.Errorf("%s: variable %s twice", uid, v.Name)
			}
			defined[v.Name] = true
			if v.Label == "" || v.Type != "datasource" && v.Description == "" {
				t.Errorf("%s: variable %s has no label or description", uid, v.Name)
			}
			if v.Type == "query" && v.Datasource.UID != "${"+varSkein+"}" {
				t.Errorf("%s: variable %s asks %q", uid, v.Name, v.Datasource.UID)
			}
			if v.IncludeAll && v.AllValue != allGremlin && v.AllValue != allFilter {
				t.Errorf("%s: variable %s has %q for all", uid, v.Name, v.AllValue)
			}
		}
		if len(b.Templating.List) == 0 || b.Templating.List[0].Name != varSkein {
			t.Errorf("%s: the first variable must be %s: the others need it", uid, varSkein)
		}
		found := map[string]bool{}
		for _, m := range used.FindAllStringSubmatch(texts[uid], -1) {
			name := m[1] + m[2] + m[3]
			if strings.HasPrefix(name, "__") {
				continue // Grafana's own
			}
			found[name] = true
			if !defined[name] {
				t.Errorf("%s uses the variable %s, which it has not got", uid, name)
			}
		}
		// The groups that are open are also named by the queries.
		for name := range defined {
			if !found[name] {
				t.Errorf("%s has the variable %s and does not use it", uid, name)
			}
		}
	}
}

// TestAll checks that what stands for all fits to where it is used: a filter
// of flows takes no expressions, Gremlin takes nothing else.
func TestAll(t *testing.T) {
	boards, _ := generated(t)
	for uid, b := range boards {
		for _, v := range b.Templating.List {
			if !v.IncludeAll {
				continue
			}
			inGremlin := regexp.MustCompile(`REGEX\('\$\{` + v.Name + `:regex\}'\)`)
			b.each(func(p panelJSON) {
				for _, raw := range p.Targets {
					q := decode(t, uid, p, raw)
					if q == nil {
						continue
					}
					rest := inGremlin.ReplaceAllString(q.Gremlin, "")
					switch {
					case strings.Contains(rest, "${"+v.Name):
						t.Errorf("%s: panel %q uses %s in Gremlin other than by REGEX('${%s:regex}'): %s", uid, p.Title, v.Name, v.Name, q.Gremlin)
					case rest != q.Gremlin && v.AllValue != allGremlin:
						t.Errorf("%s: %s is used in Gremlin, but all is %q", uid, v.Name, v.AllValue)
					}
					if q.Filter == nil {
						continue
					}
					text, err := json.Marshal(q.Filter)
					if err != nil {
						t.Fatal(err)
					}
					if strings.Contains(string(text), "${"+v.Name) && v.AllValue != allFilter {
						t.Errorf("%s: %s is used in a filter, but all is %q", uid, v.Name, v.AllValue)
					}
				}
			})
		}
	}
}

// decode reads a query of Skein strictly, nil is one of Prometheus.
func decode(t *testing.T, uid string, p panelJSON, raw json.RawMessage) *Query {
	t.Helper()
	var of struct {
		Datasource refJSON `json:"datasource"`
	}
	if err := json.Unmarshal(raw, &of); err != nil {
		t.Fatalf("%s: panel %q: %v", uid, p.Title, err)
	}
	if of.Datasource != p.Datasource {
		t.Errorf("%s: panel %q and its query ask different datasources: %+v, %+v", uid, p.Title, p.Datasource, of.Datasource)
	}
	switch of.Datasource {
	case refJSON{Type: "prometheus", UID: "${" + varPrometheus + "}"}:
		return nil
	case refJSON{Type: PluginID, UID: "${" + varSkein + "}"}:
	default:
		t.Errorf("%s: panel %q asks %+v", uid, p.Title, of.Datasource)
		return nil
	}
	q := &Query{}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(q); err != nil {
		t.Errorf("%s: panel %q: %v", uid, p.Title, err)
		return nil
	}
	return q
}

func TestQueries(t *testing.T) {
	boards, _ := generated(t)
	for uid, b := range boards {
		seen := 0
		for _, p := range b.Panels {
			for _, raw := range p.Targets {
				q := decode(t, uid, p, raw)
				if q == nil {
					t.Errorf("%s: panel %q needs a Prometheus, and is outside of the row %q", uid, p.Title, withPrometheus)
					continue
				}
				seen++
				if err := q.Validate(); err != nil {
					t.Errorf("%s: panel %q: %v", uid, p.Title, err)
				}
				if q.RefID == "" {
					t.Errorf("%s: panel %q has a query without a refId", uid, p.Title)
				}
			}
			if len(p.Panels) > 0 && !p.Collapsed {
				t.Errorf("%s: row %q holds panels and is open", uid, p.Title)
			}
			for _, q := range p.Panels {
				for _, raw := range q.Targets {
					if decode(t, uid, q, raw) == nil && p.Title != withPrometheus {
						t.Errorf("%s: panel %q needs a Prometheus, and is in the row %q", uid, q.Title, p.Title)
					}
				}
			}
		}
		if seen == 0 {
			t.Errorf("%s does not ask Skein", uid)
		}
		for _, a := range b.Annotations.List {
			q := decode(t, uid, panelJSON{Title: a.Name, Datasource: a.Datasource}, a.Target)
			if q == nil || q.QueryType != typeEvents {
				t.Errorf("%s: the annotation %q is not about events: %s", uid, a.Name, a.Target)
			}
		}
	}
}

func TestLinks(t *testing.T) {
	boards, texts := generated(t)
	target := regexp.MustCompile(`/d/([a-z-]+)\?([^"\s)]*)`)
	parameter := regexp.MustCompile(`[?&]var-(\w+)=`)
	for uid, b := range boards {
		if len(b.Links) < len(boards)-2 {
			t.Errorf("%s has %d links to others", uid, len(b.Links))
		}
		for _, l := range b.Links {
			if !l.KeepTime || l.IncludeVars {
				t.Errorf("%s: the link %s loses the time or takes variables along that mean something else there", uid, l.URL)
			}
		}
		matches := target.FindAllStringSubmatch(texts[uid], -1)
		if len(matches) == 0 {
			t.Errorf("%s links to nothing", uid)
		}
		for _, m := range matches {
			to, known := boards[m[1]]
			if !known {
				t.Errorf("%s links to %s, which there is not", uid, m[1])
				continue
			}
			if !strings.HasPrefix(m[2], "${"+varSkein+":queryparam}") {
				t.Errorf("%s: the link %s forgets the datasource", uid, m[0])
			}
			for _, v := range parameter.FindAllStringSubmatch(m[0], -1) {
				if !slices.ContainsFunc(to.Templating.List, func(have variableJSON) bool { return have.Name == v[1] }) {
					t.Errorf("%s: the link %s sets %s, which %s has not got", uid, m[0], v[1], m[1])
				}
			}
		}
	}
}

// TestLinkedVariables checks what the datasource's own links set.
func TestLinkedVariables(t *testing.T) {
	boards, _ := generated(t)
	for _, uid := range []string{UIDNode, UIDFlows, UIDCaptures, UIDChanges} {
		for _, name := range []string{varSkein, "node"} {
			if !slices.ContainsFunc(boards[uid].Templating.List, func(v variableJSON) bool { return v.Name == name }) {
				t.Errorf("%s has no variable %s", uid, name)
			}
		}
	}
}

func TestNothingOfAnInstallation(t *testing.T) {
	_, texts := generated(t)
	uid := regexp.MustCompile(`"uid": "([^"]*)"`)
	for name, text := range texts {
		for _, m := range uid.FindAllStringSubmatch(text, -1) {
			if m[1] != name && m[1] != "${"+varSkein+"}" && m[1] != "${"+varPrometheus+"}" {
				t.Errorf("%s names %q", name, m[1])
			}
		}
		if found := regexp.MustCompile(`https?://[^"\s]*`).FindString(text); found != "" {
			t.Errorf("%s names %s", name, found)
		}
	}
}
