package openflow

import (
	"bytes"
	"compress/gzip"
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var record = flag.Bool("record", false, "write what Open vSwitch answers to testdata")

// What ovs-ofctl prints for the rules and groups of testdata in each version is
// what we print for the same.
func TestTextIsThatOfOVSOfctl(t *testing.T) {
	b := startBridge(t)
	n, caps := b.install()
	if n < 400 {
		t.Errorf("%d rules", n)
	}
	for v := V15; v >= V10; v-- {
		if v == V12 {
			b.ofctl(V13, "del-flows", "br0", "table="+capTable)
			n -= caps
		}
		s := b.connect(v)
		var rules []string
		raw := s.ask(s.FlowStatsRequest(2, FlowQuery{Table: AllTables}), func(p Part) { rules = append(rules, ruleLines(t, p)...) })
		want := cutLines(b.ofctl(v, "dump-flows", "--no-names", "--no-stats", "br0"))
		compare(t, v.String()+" rules", rules, want)
		if len(rules) != n {
			t.Errorf("%v: %d rules of %d", v, len(rules), n)
		}
		var groups []string
		rawGroups := s.ask(s.GroupDescRequest(3), func(p Part) { groups = append(groups, groupLines(t, p)...) })
		wantGroups := cutLines(b.ofctl(v, "dump-groups", "--no-names", "br0"))
		compare(t, v.String()+" groups", groups, wantGroups)
		if *record && !t.Failed() {
			writeRecord(t, v.String()+"-flows", raw, want)
			writeRecord(t, v.String()+"-groups", rawGroups, wantGroups)
		}
		if v == V10 {
			standardRules(t, b, s)
		}
	}
}

// standardRules compares what 1.0 can say without Nicira's extension.
func standardRules(t *testing.T, b *bridge, s *session) {
	t.Helper()
	b.ofctl(V10, "del-flows", "br0", "table="+pauseTable)
	var rules []string
	raw := s.ask(s.FlowStatsRequest(4, FlowQuery{Table: AllTables, Standard: true}), func(p Part) {
		rules = append(rules, ruleLines(t, p)...)
	})
	want := cutLines(b.ofctl(V10, "-F", "OpenFlow10", "dump-flows", "--no-names", "--no-stats", "br0"))
	compare(t, "standard 1.0", rules, want)
	if *record && !t.Failed() {
		writeRecord(t, "OpenFlow10-standard-flows", raw, want)
	}
}

// The same without Open vSwitch, from what it answered once.
func TestTextOfRecords(t *testing.T) {
	for v := V10; v <= V15; v++ {
		for _, kind := range []string{"flows", "groups", "standard-flows"} {
			if kind == "standard-flows" && v != V10 {
				continue
			}
			name := v.String() + "-" + kind
			var got []string
			for _, p := range recorded(t, name) {
				if kind != "groups" {
					got = append(got, ruleLines(t, p)...)
				} else {
					got = append(got, groupLines(t, p)...)
				}
			}
			compare(t, name, got, strings.Split(strings.TrimSpace(string(unzip(t, name+".txt.gz"))), "\n"))
		}
	}
}

func ruleLines(t testing.TB, p Part) []string {
	t.Helper()
	if p.Kind() != KindFlowStats {
		t.Fatalf("answer is %v", p.Kind())
	}
	var out []string
	err := DecodeFlowStats(p, func(r *Rule) error {
		out = append(out, r.String())
		if len(r.Unknown) > 0 || strings.Contains(r.ActionsText(), "unknown") || strings.Contains(r.Match(), "oxm") {
			t.Errorf("%v: not known: %s", p.Version, r)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func groupLines(t testing.TB, p Part) []string {
	t.Helper()
	if p.Kind() != KindGroupDesc {
		t.Fatalf("answer is %v", p.Kind())
	}
	var out []string
	if err := DecodeGroups(p, func(g *Group) error { out = append(out, g.String()); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

// cutLines are the lines of ovs-ofctl without headings and leading spaces.
func cutLines(s string) []string {
	var out []string
	for line := range strings.Lines(s) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, "NXST_") || strings.HasPrefix(line, "OFPST_") || line == "" {
			continue
		}
		out = append(out, strings.TrimPrefix(line, " "))
	}
	return out
}

func compare(t *testing.T, what string, got, want []string) {
	t.Helper()
	slices.Sort(got)
	slices.Sort(want)
	if slices.Equal(got, want) {
		return
	}
	shown := 0
	for _, d := range []struct {
		sign string
		a, b []string
	}{{"ours  ", got, want}, {"theirs", want, got}} {
		for _, line := range d.a {
			if _, found := slices.BinarySearch(d.b, line); !found && shown < 60 {
				shown++
				t.Errorf("%s: only %s: %s", what, d.sign, line)
			}
		}
	}
	if len(got) != len(want) {
		t.Errorf("%s: %d, want %d", what, len(got), len(want))
	}
}

func writeRecord(t *testing.T, name string, raw []byte, text []string) {
	t.Helper()
	for file, b := range map[string][]byte{name + ".bin.gz": raw, name + ".txt.gz": []byte(strings.Join(text, "\n") + "\n")} {
		var z bytes.Buffer
		w, err := gzip.NewWriterLevel(&z, gzip.BestCompression)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(b); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join("testdata", file), z.Bytes(), 0o644); err != nil { //nolint:gosec // testdata is public
			t.Fatal(err)
		}
	}
}

func unzip(t testing.TB, name string) []byte {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// recorded are the parts of an answer of Open vSwitch 3.1.
func recorded(t testing.TB, name string) []Part {
	t.Helper()
	var out []Part
	for r := NewReader(bytes.NewReader(unzip(t, name+".bin.gz"))); ; {
		m, err := r.Next()
		if err == io.EOF { //nolint:errorlint // as the Reader says
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		m.Body = bytes.Clone(m.Body)
		p, err := m.Part()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
}
