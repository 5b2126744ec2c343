package sysfs

import (
	"os"
	"path/filepath"
	"testing"
)

func TestVF(t *testing.T) {
	dir := t.TempDir()
	for _, dev := range []string{"0000:01:00.0", "0000:01:10.0", "0000:01:10.2"} {
		if err := os.Mkdir(filepath.Join(dir, dev), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	link := func(from, name, to string) {
		t.Helper()
		if err := os.Symlink("../"+to, filepath.Join(dir, from, name)); err != nil {
			t.Fatal(err)
		}
	}
	link("0000:01:10.0", "physfn", "0000:01:00.0")
	link("0000:01:10.2", "physfn", "0000:01:00.0")
	link("0000:01:00.0", "virtfn0", "0000:01:10.0")
	link("0000:01:00.0", "virtfn11", "0000:01:10.2")

	tests := []struct {
		bus string
		pf  string
		id  int
		ok  bool
	}{
		{"0000:01:10.0", "0000:01:00.0", 0, true},
		{"0000:01:10.2", "0000:01:00.0", 11, true},
		{"0000:01:00.0", "", 0, false},
		{"absent", "", 0, false},
		{"", "", 0, false},
		{"../0000:01:10.0", "", 0, false},
		{"..", "", 0, false},
	}
	for _, tt := range tests {
		if pf, id, ok := VF(dir, tt.bus); pf != tt.pf || id != tt.id || ok != tt.ok {
			t.Errorf("VF(%q) = %q, %d, %v; want %q, %d, %v", tt.bus, pf, id, ok, tt.pf, tt.id, tt.ok)
		}
	}
}
