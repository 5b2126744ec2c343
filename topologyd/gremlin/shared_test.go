package gremlin

import (
	"testing"

	"github.com/skein-net/skein/internal/entity"
)

// TestComparesReach: what compares elements with one another is global, but in a
// sub-traversal it compares what is around one element.
func TestComparesReach(t *testing.T) {
	for _, c := range []struct {
		query string
		way   Way
	}{
		{"G.V().Shared('MAC')", WayGlobal},
		{"G.V().Dedup('MAC')", WayGlobal},
		{"G.V().Out().Has('State', 'UP').Shared('MAC')", WayGlobal},
		{"G.V().Where(Out().Shared('MAC', 'Vlan'))", WayBounded},
		{"G.V().Not(Out().Shared('MAC').In())", WayBounded},
		{"G.E().Where(BothV().Dedup('MTU').Count().Is(GT(1)))", WayBounded},
		{"G.V().Where(Out().Dedup('MTU').In())", WayGlobal},
		{"G.V().Where(Out().Dedup('MTU')).Shared('MAC')", WayGlobal},
		{"G.V().Where(Out().Where(Out().Shared('MAC')))", WayBounded},
	} {
		r, err := mustParse(t, c.query).Reach()
		if err != nil || r.Way != c.way {
			t.Errorf("%s: %v %v %v, want %s", c.query, r.Way, r.Why, err, c.way)
		}
	}
}

// TestComparesKeys: a change of what is compared is not overlooked.
func TestComparesKeys(t *testing.T) {
	r, err := mustParse(t, "G.V().Where(Out().Shared('Docker.MAC', 'Vlan'))").Reach()
	if err != nil {
		t.Fatal(err)
	}
	p := &r.shape.at[1]
	for key, want := range map[string]bool{"Docker": true, "Vlan": true, "State": false} {
		if got := (&Touched{Keys: []string{key}}).matters(&p.keys); got != want {
			t.Errorf("a change of %s matters: %v", key, got)
		}
	}
}

func TestSharedValue(t *testing.T) {
	for in, want := range map[string]string{
		"10.0.0.1/24": "10.0.0.1", "10.0.0.1": "10.0.0.1", "10.0.0.0/24": "10.0.0.0/24", "10.0.0.0/32": "10.0.0.0",
		"fe80::1%eth0": "fe80::1%eth0", "FE80::0:1/64": "fe80::1", "fd00:0::/64": "fd00::/64", "fd00::/127": "fd00::",
		"02:00:00:00:00:01": "02:00:00:00:00:01", "a.b/c": "a.b/c", "": "", "10.0.0.1/33": "10.0.0.1/33", "1.5": "1.5", "::ffff:10.0.0.1": "::ffff:10.0.0.1", "1:2:3:4:5:6:7:8": "1:2:3:4:5:6:7:8",
	} {
		if got := string(appendShared(nil, entity.String(in))); got != string(entity.String(want).AppendJSON(nil)) {
			t.Errorf("%q counts as %s, want %q", in, got, want)
		}
	}
	if got := string(appendShared(nil, entity.Int(7))); got != "7" {
		t.Errorf("7 counts as %s", got)
	}
}
