package pack

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/entity/entitytest"
)

// TestAppendJSONWith compares with attributes that are put together first.
func TestAppendJSONWith(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	d := NewDict()
	id := entity.Ref{Type: "x"}.UUID()
	for range 2000 {
		a := entitytest.Event(rng).Attributes
		data := string(d.Append(nil, a))
		inner := entity.Attrs{entity.A("x", entity.Int(1))}
		packed := string(d.Append(nil, inner))
		var more []Member
		want := append(entity.Attrs{}, a...)
		for _, key := range []string{"", "LastUpdateMetric", "Name", "TID", "é"} {
			switch rng.IntN(4) {
			case 0:
				more = append(more, Member{Key: key, ID: id})
				want = append(want, entity.A(key, entity.String(id.String())))
			case 1:
				more = append(more, Member{Key: key, Data: packed})
				want = append(want, entity.A(key, entity.Map(inner)))
			}
		}
		require.Equal(t, string(want.Normalize().AppendJSON(nil)), string(d.AppendJSONWith(nil, data, more)))
	}
}
