package rtnl

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files of recorded messages")

func jsonOf(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestGolden decodes every recorded message and compares the whole record, one
// a line, with the golden file beside it.
func TestGolden(t *testing.T) {
	for _, dir := range recordings(t) {
		paths, err := filepath.Glob(filepath.Join(dir, "*.hex"))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range paths {
			t.Run(filepath.Join(filepath.Base(dir), filepath.Base(p)), func(t *testing.T) {
				var got bytes.Buffer
				for i, m := range readMessages(t, p) {
					ev, ok, err := DecodeEvent(m.typ, m.data)
					if err != nil || !ok {
						t.Errorf("message %d: usable %v, error %v", i, ok, err)
					}
					got.Write(jsonOf(t, ev))
					got.WriteByte('\n')
				}
				golden := strings.TrimSuffix(p, ".hex") + ".golden"
				if *update {
					if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(golden)
				if err != nil {
					t.Fatal(err)
				}
				w, g := strings.Split(string(want), "\n"), strings.Split(got.String(), "\n")
				for i := range max(len(w), len(g)) {
					if i >= len(w) || i >= len(g) || w[i] != g[i] {
						t.Fatalf("line %d differs:\nwant %s\n got %s", i+1, at(w, i), at(g, i))
					}
				}
			})
		}
	}
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(nothing)"
}
