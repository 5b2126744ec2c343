package dashboards

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/skein-net/skein/topologyd/gremlin"
)

// TestGremlin reads every query as topologyd does, with values in the place of
// variables as Grafana fills them in.
func TestGremlin(t *testing.T) {
	boards, _ := generated(t)
	check := func(t *testing.T, where, text string) {
		t.Helper()
		if !strings.HasPrefix(text, "G") {
			return
		}
		if _, err := gremlin.Parse(text); err != nil {
			t.Errorf("%s: %s\n%v", where, text, err)
		}
	}
	const id = "b17c0517-55f3-5f17-870a-c60a8a2aed31"
	for name, fill := range map[string]*strings.Replacer{
		"all": strings.NewReplacer("${query}", "G", "${host:regex}", allGremlin, "${node:regex}", allGremlin, "${namespace:regex}", allGremlin, "${type:regex}", allGremlin,
			"${host}", "h1", "${node}", id, "${depth}", "3"),
		"one": strings.NewReplacer("${query}", "G.V()", "${host:regex}", `paris\.example`, "${node:regex}", id, "${namespace:regex}", id, "${type:regex}", "(veth|bridge)",
			"${host}", "h1", "${node}", id, "${depth}", "0"),
	} {
		t.Run(name, func(t *testing.T) {
			for uid, b := range boards {
				b.each(func(p panelJSON) {
					for _, raw := range p.Targets {
						if q := decode(t, uid, p, raw); q != nil {
							check(t, uid+" "+p.Title, fill.Replace(q.Gremlin))
							if q.Filter != nil {
								check(t, uid+" "+p.Title, fill.Replace(q.Filter.Node))
							}
						}
					}
				})
				for _, v := range b.Templating.List {
					if v.Type != "query" {
						continue
					}
					var q VariableQuery
					dec := json.NewDecoder(bytes.NewReader(v.Query))
					dec.DisallowUnknownFields()
					if err := dec.Decode(&q); err != nil {
						t.Fatalf("%s: variable %s: %v", uid, v.Name, err)
					}
					if q.Kind == kindGremlin && q.Gremlin == "" {
						t.Errorf("%s: variable %s asks nothing", uid, v.Name)
					}
					check(t, uid+" variable "+v.Name, fill.Replace(q.Gremlin))
				}
			}
		})
	}
}
