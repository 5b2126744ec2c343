package rules

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/definition"
	"github.com/skein-net/skein/topologyd/gremlin"
)

func TestValidate(t *testing.T) {
	ok := text("Name", "n", "Type", "t")
	for name, x := range map[string]struct {
		spec definition.Spec
		want string
	}{
		"create":          {&NodeRule{Action: ActionCreate, Metadata: ok}, ""},
		"create, query":   {&NodeRule{Action: ActionCreate, Query: "G.V()", Metadata: ok}, "has no query; leave it out"},
		"create, no name": {&NodeRule{Action: ActionCreate, Metadata: text("Type", "t")}, "metadata has no Name"},
		"create, type":    {&NodeRule{Action: ActionCreate, Metadata: text("Name", "n")}, "metadata has no Type"},
		"action":          {&NodeRule{Action: "delete", Metadata: ok}, `action "delete" is not known; use create or update`},
		"update":          {&NodeRule{Action: ActionUpdate, Query: "G.V()", Metadata: text("k", "v")}, ""},
		"update, name":    {&NodeRule{Action: ActionUpdate, Query: "G.V()", Metadata: ok}, "cannot change the Name of a node"},
		"update, nothing": {&NodeRule{Action: ActionUpdate, Query: "G.V()"}, "no metadata to add"},
		"update, query":   {&NodeRule{Action: ActionUpdate, Metadata: text("k", "v")}, "query: there is no query"},
		"update, syntax":  {&NodeRule{Action: ActionUpdate, Query: "G.V(", Metadata: text("k", "v")}, "query: line 1, column 5"},
		"update, edges":   {&NodeRule{Action: ActionUpdate, Query: "G.E()", Metadata: text("k", "v")}, "query: it gives edges; a rule needs nodes"},
		"field":           {&NodeRule{Action: ActionCreate, Metadata: text("@ID", "x")}, "keys do not begin with @"},
		"TID":             {&NodeRule{Action: ActionCreate, Metadata: text("TID", "x")}, "TID is kept by the graph itself"},
		"relation":        {&NodeRule{Action: ActionCreate, Metadata: text("RelationType", "x")}, "RelationType is for edges"},
		"key":             {&NodeRule{Action: ActionCreate, Metadata: text("a\\", "x")}, "cannot be a key"},
		"number":          {&NodeRule{Action: ActionCreate, Metadata: entity.Attrs{entity.A("k", entity.Float(math.NaN()))}}, "not a finite number"},
		"edge":            {&EdgeRule{Source: "G.V()", Destination: "G.V()", Metadata: text("RelationType", "x", "k", "v")}, ""},
		"edge, source":    {&EdgeRule{Source: "G.V().Count()", Destination: "G.V()", Metadata: text("RelationType", "x")}, "source: it gives"},
		"edge, dest":      {&EdgeRule{Source: "G.V()", Metadata: text("RelationType", "x")}, "destination: there is no query"},
		"edge, relation":  {&EdgeRule{Source: "G.V()", Destination: "G.V()"}, "metadata has no RelationType"},
		"edge, part_of":   {&EdgeRule{Source: "G.V()", Destination: "G.V()", Metadata: text("RelationType", "part_of")}, "a relationship of reports"},
		"edge, control":   {&EdgeRule{Source: "G.V()", Destination: "G.V()", Metadata: text("RelationType", "a\n")}, "cannot be used"},
		"edge, key":       {&EdgeRule{Source: "G.V()", Destination: "G.V()", Metadata: text("RelationType", "x", "Metric", "1")}, "Metric is kept by the graph"},
	} {
		err := x.spec.Validate()
		if x.want == "" {
			require.NoError(t, err, name)
		} else {
			require.ErrorContains(t, err, x.want, name)
		}
	}
	err := (&NodeRule{Action: ActionUpdate, Query: "G.V(", Metadata: text("k", "v")}).Validate()
	at, found := gremlin.PositionOf(err)
	require.True(t, found)
	require.Equal(t, 5, at.Column)
}
