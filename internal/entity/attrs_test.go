package entity_test

import (
	"strings"
	"testing"

	"github.com/skein-net/skein/internal/entity"
)

func attrsOf(t *testing.T, js string) entity.Attrs {
	t.Helper()
	var a entity.Attrs
	if err := a.UnmarshalJSON([]byte(js)); err != nil {
		t.Fatal(err)
	}
	return a
}

func TestLookup(t *testing.T) {
	a := attrsOf(t, `{
		"Name": "eth0",
		"a.b": {"c": 1, "c.d": 2},
		"a": {"b": {"c": 3}, "b.c": 4},
		"a.b.c": 5,
		"Neighbors": [{"IP": "10.0.0.1", "Flags": ["x", "y"]}, {"MAC": "m"}, {"IP": "10.0.0.2"}, "text"],
		"Nested": [[{"k": 1}], {"k": 2}],
		"": {"": 6},
		"IPV4": ["10.0.0.1/24"]
	}`)
	for path, want := range map[string]string{
		"Name":            `eth0`,
		"Name.x":          ``,
		"nothing":         ``,
		"a.b.c":           `5 3 4 1`,
		"a.b.c.d":         `2`,
		"Neighbors.IP":    `10.0.0.1 10.0.0.2`,
		"Neighbors.Flags": `["x","y"]`,
		"Neighbors.none":  ``,
		"Nested.k":        `1 2`,
		"IPV4":            `["10.0.0.1/24"]`,
		".":               `6`,
		"..":              ``,
		"a.":              ``,
	} {
		var got []string
		a.Lookup(path, func(v entity.Value) bool { got = append(got, v.Text()); return true })
		if g := strings.Join(got, " "); !sameWords(g, want) {
			t.Errorf("%s: got %s, want %s", path, g, want)
		}
		if len(got) > 1 {
			n := 0
			a.Lookup(path, func(entity.Value) bool { n++; return false })
			if n != 1 {
				t.Errorf("%s: %d values after the first was enough", path, n)
			}
		}
	}
}

// sameWords ignores order: paths that can be read in several ways have none.
func sameWords(a, b string) bool {
	count := map[string]int{}
	for _, w := range strings.Fields(a) {
		count[w]++
	}
	for _, w := range strings.Fields(b) {
		count[w]--
	}
	for _, n := range count {
		if n != 0 {
			return false
		}
	}
	return true
}

func TestNormalize(t *testing.T) {
	a := entity.Attrs{
		{Key: "b", Value: entity.Int(1)}, {Key: "a", Value: entity.Int(2)}, {Key: "c"},
		{Key: "b", Value: entity.Int(3)}, {Key: "b", Value: entity.Int(4)},
	}.Normalize()
	if got := string(a.AppendJSON(nil)); got != `{"a":2,"b":4}` {
		t.Errorf("got %s", got)
	}
	if !a.Has("a") || a.Has("c") || a.Get("b").Int() != 4 {
		t.Error("Get or Has is wrong")
	}
}

func TestWith(t *testing.T) {
	a := attrsOf(t, `{"b":1,"d":2}`)
	for key, want := range map[string]string{
		"a": `{"a":9,"b":1,"d":2}`, "b": `{"b":9,"d":2}`, "c": `{"b":1,"c":9,"d":2}`, "d": `{"b":1,"d":9}`, "e": `{"b":1,"d":2,"e":9}`,
	} {
		if got := string(a.With(key, entity.Int(9)).AppendJSON(nil)); got != want {
			t.Errorf("With(%s): got %s", key, got)
		}
	}
	if got := string(a.AppendJSON(nil)); got != `{"b":1,"d":2}` {
		t.Errorf("With changed its receiver: %s", got)
	}
}
