package mapping

import (
	"strings"
	"testing"
)

func TestTunnelKey(t *testing.T) {
	for _, tc := range []struct {
		options map[string]string
		want    string
	}{
		{nil, "0"},
		{map[string]string{"key": "101"}, "101"},
		{map[string]string{"key": "0x65"}, "101"},
		{map[string]string{"key": "flow"}, "flow"},
		{map[string]string{"in_key": "flow", "out_key": "3"}, "flow"},
		{map[string]string{"in_key": "5", "out_key": "3"}, "3/5"},
		{map[string]string{"in_key": "3", "out_key": "5"}, "3/5"},
		{map[string]string{"in_key": "3", "key": "5"}, "3/5"},
		{map[string]string{"in_key": "7", "out_key": "7"}, "7"},
		{map[string]string{"key": "junk"}, "junk"},
	} {
		if got := tunnelKey(tc.options); got != tc.want {
			t.Errorf("%v: %q, want %q", tc.options, got, tc.want)
		}
	}
}

// FuzzTunnelKey: both ends of a tunnel name the same key, and there always is one.
func FuzzTunnelKey(f *testing.F) {
	f.Add("1", "2")
	f.Add("", "0x10")
	f.Add("flow", "")
	f.Fuzz(func(t *testing.T, in, out string) {
		here, there := map[string]string{"in_key": in, "out_key": out}, map[string]string{"in_key": out, "out_key": in}
		a, b := tunnelKey(here), tunnelKey(there)
		_, ok := parseKey(in)
		_, ok2 := parseKey(out)
		if a == "" || b == "" || ok && ok2 && a != b {
			t.Errorf("%q and %q: %q here, %q there", in, out, a, b)
		}
		if strings.Contains(a, "/") && ok && ok2 && in == out {
			t.Errorf("%q twice: %q", in, a)
		}
	})
}

func TestAddress(t *testing.T) {
	for in, want := range map[string]string{
		"172.31.0.2": "172.31.0.2", "::ffff:1.2.3.4": "1.2.3.4", "FD00:0::2": "fd00::2", "flow": "flow", "": "",
	} {
		if got, _ := address(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestHasDevice(t *testing.T) {
	for typ, want := range map[string]bool{"": true, "system": true, "internal": true, "tap": true, "vxlan": false, "patch": false, "dpdk": false} {
		if HasDevice(typ) != want {
			t.Errorf("%q: %v", typ, !want)
		}
	}
}
