package ethtool

import (
	"testing"

	"github.com/skein-net/skein/internal/entity"
)

func TestAttrs(t *testing.T) {
	f := Facts{Driver: "veth", Speed: 10000, Duplex: "Full"}
	want := entity.Attrs{
		entity.A("Driver", entity.String("veth")),
		entity.A("Duplex", entity.String("Full")),
		entity.A("Speed", entity.Int(10000)),
	}
	if got := f.Attrs().Normalize(); !got.Equal(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := new(Facts).Attrs().Normalize(); len(got) != 0 {
		t.Errorf("no facts give %v", got)
	}
}

func TestFeatureSet(t *testing.T) {
	r := NewReader(true)
	names := make([]string, 40)
	names[0], names[31], names[39] = "a", "b", "c"
	v := r.featureSet(names, []uint32{1 << 31, 1 << 7})
	for name, want := range map[string]bool{"a": false, "b": true, "c": true} {
		if got := v.Map().Get(name); got.Kind() != entity.KindBool || got.Bool() != want {
			t.Errorf("feature %s = %v, want %v", name, got.Bool(), want)
		}
	}
	if len(v.Map()) != 3 {
		t.Errorf("unused bits became features: %v", v.Map())
	}
	if again := r.featureSet(names, []uint32{1 << 31, 1 << 7}); &again.Map()[0] != &v.Map()[0] {
		t.Error("equal sets are not shared")
	}
}

func TestEqual(t *testing.T) {
	r := NewReader(true)
	a := &Facts{Driver: "x", Features: r.featureSet([]string{"f"}, []uint32{1})}
	b := &Facts{Driver: "x", Features: r.featureSet([]string{"f"}, []uint32{0})}
	c := *a
	if a.Equal(b) || !a.Equal(&c) || a.Equal(nil) || !(*Facts)(nil).Equal(nil) {
		t.Error("Equal is wrong")
	}
}
