package iptest

import "testing"

func TestConverters(t *testing.T) {
	n := &Namespace{byName: map[string]int64{"eth0": 2}}
	for _, tt := range []struct {
		name      string
		got, want any
	}{
		{"interface", ifindex(n, "eth0"), int64(2)},
		{"interface that ip does not find", ifindex(n, "if7"), int64(7)},
		{"bound to none", ifindex(n, nil), nil},
		{"unknown interface", ifindex(n, "zz"), "no interface zz"},
		{"hexadecimal", hexadecimal(n, "0x8001"), int64(0x8001)},
		{"no hexadecimal", hexadecimal(n, "any"), "any"},
		{"number", hexadecimal(n, int64(4)), int64(4)},
		{"address", address(n, "10.0.0.1"), "10.0.0.1"},
		{"any address", address(n, "any"), nil},
		{"unspecified address", address(n, "::"), nil},
		{"default group", group(n, "default"), int64(0)},
		{"group", group(n, "5"), int64(5)},
		{"flag", truth(n, nil), true},
		{"table main", table("main"), int64(254)},
		{"table 70000", table("70000"), int64(70000)},
		{"default route", prefix("inet", "default"), "0.0.0.0/0"},
		{"default route of IPv6", prefix("inet6", "default"), "::/0"},
		{"host route", prefix("inet6", "fd00::1"), "fd00::1/128"},
		{"prefix", prefix("inet", "10.0.0.0/8"), "10.0.0.0/8"},
		{"no prefix", prefix("mpls", "x"), "x"},
		{"inherited", inheritable(n, "inherit"), int64(0)},
		{"none", noneIfNull(n, nil), "none"},
		{"one port", span(int64(80), nil), "80"},
		{"ports", span(int64(80), int64(90)), "80-90"},
		{"only M-DOWN", linkFlags(n, list{"M-DOWN"}), nil},
	} {
		if !equal(tt.got, tt.want) {
			t.Errorf("%s: %v (%T), want %v (%T)", tt.name, tt.got, tt.got, tt.want, tt.want)
		}
	}
}

// TestTables checks that every field is either compared or has a reason why not.
func TestTables(t *testing.T) {
	for _, f := range linkFields {
		if (f.attr == "") == (f.why == "") || (f.attr == "") != (f.conv == nil) {
			t.Errorf("field %s: attribute %q, reason %q", f.ip, f.attr, f.why)
		}
	}
	for key, f := range infoFields {
		if (f.attr == "") == (f.why == "") || (f.attr == "") != (f.conv == nil) {
			t.Errorf("field %s: attribute %q, reason %q", key, f.attr, f.why)
		}
	}
	for key, why := range unprinted {
		if why == "" {
			t.Errorf("unprinted %s: no reason", key)
		}
	}
}
