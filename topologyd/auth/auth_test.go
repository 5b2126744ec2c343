package auth

import "testing"

// TestMay is the table of roles and permissions.
func TestMay(t *testing.T) {
	all := []Permission{Administer, Public, Read, Define, Report, Follow, Payload}
	for _, tt := range []struct {
		id   Identity
		want []Permission
	}{
		{Identity{}, []Permission{Public}},
		{Identity{Packets: true}, []Permission{Public}},
		{Identity{Roles: []Role{Viewer}}, []Permission{Public, Read}},
		{Identity{Roles: []Role{Viewer}, Packets: true}, []Permission{Public, Read, Payload}},
		{Identity{Roles: []Role{Operator}}, []Permission{Public, Read, Define}},
		{Identity{Roles: []Role{Host}}, []Permission{Public, Report, Follow}},
		{Identity{Roles: []Role{Host}, Packets: true}, []Permission{Public, Report, Follow}},
		{Identity{Roles: []Role{Host, Viewer}}, []Permission{Public, Read, Report, Follow}},
		{Identity{Roles: []Role{Admin}}, []Permission{Administer, Public, Read, Define, Report, Follow}},
		{Anybody(), all},
	} {
		want := make(map[Permission]bool)
		for _, p := range tt.want {
			want[p] = true
		}
		for _, p := range all {
			if got := tt.id.May(p); got != want[p] {
				t.Errorf("%v: may %v: %v", tt.id, p, got)
			}
		}
	}
}

func TestSpeaksFor(t *testing.T) {
	h := Identity{Roles: []Role{Host}, Hosts: []string{"a", ""}}
	for host, want := range map[string]bool{"a": true, "b": false, "": false} {
		if h.SpeaksFor(host) != want {
			t.Errorf("host %q: %v", host, !want)
		}
	}
	v := Identity{Roles: []Role{Viewer}, Hosts: []string{"a"}}
	if v.SpeaksFor("a") {
		t.Error("a viewer speaks for a host")
	}
	if id := From(t.Context()); !id.SpeaksFor("") || !id.Known() {
		t.Error("a context without an identity")
	}
	if id := From(With(t.Context(), &Identity{})); id.Known() || id.SpeaksForAll() {
		t.Errorf("%+v", id)
	}
}

func TestParseRole(t *testing.T) {
	for _, r := range Roles() {
		if got, err := ParseRole(string(r)); got != r || err != nil {
			t.Error(got, err)
		}
	}
	if _, err := ParseRole("root"); err == nil {
		t.Error("root is no role")
	}
}
