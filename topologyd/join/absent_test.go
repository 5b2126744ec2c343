package join

import (
	"strings"
	"testing"
)

func TestAbsent(t *testing.T) {
	e := iface(t, `{"Name":"eth0"}`)
	for key, want := range map[string]bool{"Name": false, "Nothing": true, "lower(Nothing)": true, "id(ifindex)": false, "@Host": false} {
		s := Side{Entity: e.Type(), Where: []Condition{{Key: key, Absent: true}}, Key: []string{"Name"}}
		if got := len(s.Keys(e, nil)) > 0; got != want {
			t.Errorf("absent %s: %v, want %v", key, got, want)
		}
	}
	bad := Row{
		Name: "x", Kind: Edge, Relation: "r",
		From: Side{Entity: "a", Key: []string{"K"}, Where: []Condition{{Key: "K", Absent: true, In: []string{"1"}}}},
		To:   Side{Entity: "b", Key: []string{"K"}},
	}
	if err := bad.Validate(); err == nil || !strings.Contains(err.Error(), "absent stands without") {
		t.Error(err)
	}
}
