package nodegraph

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestOpenedGroupIsInView: what came out of a group is where the panel looks,
// stays there when more comes out of it, and closing leads back.
func TestOpenedGroupIsInView(t *testing.T) {
	groups := func(n int) string {
		var out []string
		for i := range n {
			out = append(out, fmt.Sprintf(`{"id":"host=%d","path":"host=%d","host":"%d","group":{"level":"host","nodes":9}}`, i, i, i))
		}
		return strings.Join(out, ",")
	}
	inside := func(n int) string {
		var out []string
		for i := range n {
			out = append(out, fmt.Sprintf(`{"id":"n%d","path":"host=39/type=veth","host":"39","node":{"Metadata":{"Name":"n%d","Type":"veth"}}}`, i, i))
		}
		return strings.Join(out, ",")
	}
	p := NewPlaces()
	at := func(text string, open ...string) map[string][2]float64 {
		t.Helper()
		frames, err := Build(picture(t, text, ``), Options{Expand: open}, p, "k")
		require.NoError(t, err)
		out := map[string][2]float64{}
		for i := range frames[0].Rows() {
			out[str(t, frames[0], "id", i)] = [2]float64{num(t, frames[0], "fixedx", i), num(t, frames[0], "fixedy", i)}
		}
		return out
	}
	closed := at(groups(40))
	open := at(groups(39)+","+inside(9), "host=39")
	for i := range 9 {
		c := open[fmt.Sprint("n", i)]
		require.InDelta(t, 0, c[0], 600, "n%d is in view", i)
		require.InDelta(t, 0, c[1], 300, "n%d is in view", i)
	}
	dx, dy := open["host=0"][0]-closed["host=0"][0], open["host=0"][1]-closed["host=0"][1]
	for i := range 39 {
		id := fmt.Sprint("host=", i)
		require.InDelta(t, closed[id][0]+dx, open[id][0], 0.1, "the picture moved as a whole")
		require.InDelta(t, closed[id][1]+dy, open[id][1], 0.1, "the picture moved as a whole")
	}
	more := at(groups(39)+","+inside(12), "host=39")
	for id, was := range open {
		require.Equal(t, was, more[id], "%s moved when something came", id)
	}
	again := at(groups(40))
	for i := range 39 { // the place of the one that was opened may be taken
		id := fmt.Sprint("host=", i)
		require.Equal(t, closed[id], again[id], "closed again")
	}
}
