package api

import (
	"bytes"
	"encoding/csv"
	"slices"
	"strings"
	"testing"
)

func TestAppendCSV(t *testing.T) {
	for _, x := range []struct {
		row  []string
		want string
	}{
		{[]string{"a", "b"}, "a,b\n"},
		{[]string{"", ""}, ",\n"},
		{[]string{""}, "\"\"\n"},
		{[]string{`say "hi"`, "x"}, `"say ""hi""",x` + "\n"},
		{[]string{`"`}, `""""` + "\n"},
		{[]string{"a,b", "two\nlines", "cr\rcr"}, "\"a,b\",\"two\nlines\",\"cr\rcr\"\n"},
		{[]string{" led", "trailed ", "a b"}, "\" led\",\"trailed \",a b\n"},
		{[]string{"=1+1", "#c", "-"}, "=1+1,#c,-\n"},
		{[]string{"über", "naïve"}, "\"über\",naïve\n"},
	} {
		if got := string(appendCSV(nil, x.row)); got != x.want {
			t.Errorf("%q: %q, want %q", x.row, got, x.want)
		}
	}
}

func TestWriteCSVLimit(t *testing.T) {
	rows := func(yield func([]string) bool) {
		for range 100_000 {
			if !yield([]string{"cell", "another"}) {
				return
			}
		}
	}
	var buf bytes.Buffer
	if err := writeCSV(&limited{buf: &buf, max: 40_000}, []string{"A", "B"}, rows); err == nil || !strings.Contains(err.Error(), "bytes") || buf.Len() > 40_000 {
		t.Errorf("%d bytes, %v", buf.Len(), err)
	}
	buf.Reset()
	if err := writeCSV(&limited{buf: &buf, max: -1}, []string{"A", "B"}, rows); err != nil || strings.Count(buf.String(), "\n") != 100_001 {
		t.Errorf("%d bytes, %v", buf.Len(), err)
	}
}

// FuzzCSV has the standard library read what was written.
func FuzzCSV(f *testing.F) {
	f.Add("Name\x1fMTU", "eth0\x1f1500\x1e\"q\"\x1f,")
	f.Add("", "\x1e\x1e")
	f.Add("a", " \r\n\x1e=\"x\"\x1e\u00a0")
	f.Fuzz(func(t *testing.T, head, body string) {
		columns := strings.Split(head, "\x1f")
		var rows [][]string
		for line := range strings.SplitSeq(body, "\x1e") {
			row := strings.Split(line, "\x1f")
			for len(row) < len(columns) {
				row = append(row, "")
			}
			rows = append(rows, row[:len(columns)])
		}
		var buf bytes.Buffer
		if err := writeCSV(&buf, columns, slices.Values(rows)); err != nil {
			t.Fatal(err)
		}
		got, err := csv.NewReader(&buf).ReadAll()
		if err != nil {
			t.Fatalf("%q: %v", buf.String(), err)
		}
		want := append([][]string{columns}, rows...)
		if len(got) != len(want) {
			t.Fatalf("%d rows, want %d", len(got), len(want))
		}
		for i, row := range want {
			for j, cell := range row {
				// The reader makes one line feed of a line's two ends.
				if cell = strings.ReplaceAll(cell, "\r\n", "\n"); got[i][j] != cell {
					t.Fatalf("row %d, cell %d: %q, want %q", i, j, got[i][j], cell)
				}
			}
		}
	})
}
