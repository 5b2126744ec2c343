package hostid

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	const machine, dbus = "etc/machine-id", "var/lib/dbus/machine-id"
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"machine-id": {map[string]string{machine: "abc\n", dbus: "def\n"}, "abc"},
		"D-Bus":      {map[string]string{dbus: "def\n"}, "def"},
		"not booted": {map[string]string{machine: "uninitialized\n", dbus: "def\n"}, "def"},
		"garbage":    {map[string]string{machine: "a\x00b"}, ""},
		"longest":    {map[string]string{machine: strings.Repeat("x", MaxLength)}, strings.Repeat("x", MaxLength)},
		"too long":   {map[string]string{machine: strings.Repeat("x", MaxLength+1)}, ""},
		"empty":      {map[string]string{machine: "\n"}, ""},
		"nothing":    {nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			for path, text := range c.files {
				path = filepath.Join(root, path)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if id, ok := Find(root); id != c.want || ok != (c.want != "") {
				t.Errorf("%q, %v; want %q", id, ok, c.want)
			}
		})
	}
}

func TestResolve(t *testing.T) {
	for _, tc := range []struct{ id, name, wantID, wantName string }{
		{"i", "n", "i", "n"},
		{"i", "", "i", "*"},
		{"", "n", "*", "n"},
	} {
		id, name, err := Resolve(tc.id, tc.name)
		if err != nil || tc.wantID != "*" && id != tc.wantID || tc.wantName != "*" && name != tc.wantName || id == "" || name == "" {
			t.Errorf("%+v: %q, %q, %v", tc, id, name, err)
		}
	}
}
