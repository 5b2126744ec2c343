package orders

import (
	"strings"
	"testing"

	"github.com/skein-net/skein/internal/order"
)

func TestElements(t *testing.T) {
	for text, want := range map[string]int{
		``: 0, `{}`: 0, `,,,`: 0,
		`{"assignments":{"revision":1,"captures":[]}}`:                                   0,
		`{"assignments":{"revision":1,"captures":[{"a":1,"b":[1,2]},{},{"a":{"c":1}}]}}`: 2,
		`{"assignments":{"captures":[0,null,"a,b","\\",","]}}`:                           4,
		`{"assignments":{"captures":["\",",",","`:                                        2,
		`{"assignments":{"captures":["\`:                                                 0,
		`{"assignments":{"captures":[1,2],"captures":[3,4]}}`:                            2,
		`{"fetch":{"request":1,"flows":["a","b"]}}`:                                      1,
	} {
		if got := elements([]byte(text)); got != want {
			t.Errorf("%s: %d, want %d", text, got, want)
		}
	}
}

// FuzzElements: a list that is decoded has no more elements than were counted.
func FuzzElements(f *testing.F) {
	f.Add([]byte(`{"assignments":{"revision":1,"captures":[{"id":"a,\"b","layers":["x","y"]},{}]}}`))
	f.Add([]byte(`{"Assignments":{"captures":[{}],"captures":[{},{},{"node":{}}]}}`))
	f.Add([]byte(`{"fetch":{"flows":["a","b"],"captures":["c"]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		n := elements(b)
		e, err := order.Decode(b)
		if err != nil {
			return
		}
		for name, have := range map[string]int{
			"captures": lengthOf(e.Assignments, func(a *order.Assignments) int { return len(a.Captures) }),
			"flows":    lengthOf(e.Fetch, func(f *order.Fetch) int { return len(f.Flows) }),
		} {
			if have > n+1 {
				t.Errorf("%d %s, counted %d: %s", have, name, n, strings.ToValidUTF8(string(b), "?"))
			}
		}
	})
}

func lengthOf[T any](v *T, length func(*T) int) int {
	if v == nil {
		return 0
	}
	return length(v)
}
