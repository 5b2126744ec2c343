package rtnl

import (
	stdhex "encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// recordings returns the directories below testdata, one a kernel.
func recordings(t testing.TB) []string {
	t.Helper()
	dirs, err := filepath.Glob("testdata/linux-*")
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	return dirs
}

// readMessages reads one recorded file.
func readMessages(t testing.TB, path string) (out []message) {
	t.Helper()
	b, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		typ, data, _ := strings.Cut(strings.TrimSpace(line), " ")
		n, err := strconv.ParseUint(typ, 10, 16)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		raw, err := stdhex.DecodeString(data)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		out = append(out, message{typ: uint16(n), data: raw})
	}
	return out
}

// decodeFiles decodes all messages of the files that match.
func decodeFiles[T any](t testing.TB, dir, pattern string, decode func([]byte) (T, error)) (out []T) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range paths {
		for _, m := range readMessages(t, p) {
			r, err := decode(m.data)
			if err != nil {
				t.Errorf("%s: %v", p, err)
				continue
			}
			out = append(out, r)
		}
	}
	return out
}

func readIP(t testing.TB, dir, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name+".json"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return b
}

// TestRecordedAgainstIP decodes what kernels said and compares it, field by
// field, with what ip printed of the same kernel at the same time.
func TestRecordedAgainstIP(t *testing.T) {
	for _, dir := range recordings(t) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			links := decodeFiles(t, dir, "link-*.hex", DecodeLink)
			names := namesOf(links)
			compareLinks(t, links, readIP(t, dir, "ip-link"))
			compareAddrs(t, names, decodeFiles(t, dir, "addr.hex", DecodeAddr), readIP(t, dir, "ip-addr"))
			routes := decodeFiles(t, dir, "route.hex", DecodeRoute)
			compareRoutes(t, names, routes, FamilyIPv4, readIP(t, dir, "ip-route4"))
			compareRoutes(t, names, routes, FamilyIPv6, readIP(t, dir, "ip-route6"))
			compareRoutes(t, names, routes, FamilyMPLS, readIP(t, dir, "ip-routempls"))
			rules := decodeFiles(t, dir, "rule.hex", DecodeRule)
			compareRules(t, names, rules, FamilyIPv4, readIP(t, dir, "ip-rule4"))
			compareRules(t, names, rules, FamilyIPv6, readIP(t, dir, "ip-rule6"))
			compareNeighbors(t, names, decodeFiles(t, dir, "neigh.hex", DecodeNeigh), readIP(t, dir, "ip-neigh"))
			compareFDB(t, names, decodeFiles(t, dir, "fdb.hex", DecodeNeigh), readIP(t, dir, "ip-fdb"))
			compareNexthops(t, names, decodeFiles(t, dir, "nexthop.hex", DecodeNexthop), readIP(t, dir, "ip-nexthop"))
			var kinds []string
			for i := range links {
				if !slices.Contains(kinds, links[i].Kind) {
					kinds = append(kinds, links[i].Kind)
				}
			}
			slices.Sort(kinds)
			t.Logf("%d links of %d kinds: %s", len(links), len(kinds), strings.Join(kinds, " "))
		})
	}
}
