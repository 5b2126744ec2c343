package guesttest

import (
	"slices"
	"strings"
	"testing"
)

const verbose = `=== RUN   TestA
    a.go:1: quiet
--- PASS: TestA (0.00s)
=== RUN   TestX
=== RUN   TestX/a
    f.go:1: hello
    more
=== RUN   TestX/b
    f.go:2: because
=== RUN   TestX/c
    f.go:3: not here
--- FAIL: TestX (0.00s)
    --- PASS: TestX/a (0.00s)
    --- FAIL: TestX/b (0.00s)
    --- SKIP: TestX/c (0.00s)
=== RUN   TestY
    f.go:4: outer
=== RUN   TestY/slow
    f.go:5: so far
=== NAME  TestY
    f.go:6: outer again
--- FAIL: TestZ (0.00s)
FAIL
panic: boom
`

func TestParse(t *testing.T) {
	got := Parse(verbose)
	want := []Outcome{
		{"TestA", Pass, "    a.go:1: quiet\n"},
		{"TestX", Fail, ""},
		{"TestX/a", Pass, "    f.go:1: hello\n    more\n"},
		{"TestX/b", Fail, "    f.go:2: because\n"},
		{"TestX/c", Skip, "    f.go:3: not here\n"},
		{"TestZ", Fail, ""},
		{"TestY", Unfinished, "    f.go:4: outer\n    f.go:6: outer again\n"},
		{"TestY/slow", Unfinished, "    f.go:5: so far\n"},
	}
	if !slices.Equal(got.Tests, want) || got.Rest != "panic: boom\n" {
		t.Errorf("%q, rest %q", got.Tests, got.Rest)
	}
	const report = `--- FAIL: TestX/b
    f.go:2: because
--- FAIL: TestZ
--- UNFINISHED: TestY
    f.go:4: outer
    f.go:6: outer again
--- UNFINISHED: TestY/slow
    f.go:5: so far
panic: boom
PASS: TestA TestX/a
SKIP: TestX/c
`
	if text := got.String(); text != report {
		t.Errorf("the report is\n%s\nwant\n%s", text, report)
	}
}

func TestParseNothing(t *testing.T) {
	for text, want := range map[string]string{"": "", "PASS\n": "", "cannot run\n": "cannot run\n"} {
		if r := Parse(text); len(r.Tests) != 0 || r.String() != want {
			t.Errorf("%q: %q, report %q", text, r.Tests, r.String())
		}
	}
}

func TestReportIsBounded(t *testing.T) {
	r := Results{
		Tests: []Outcome{{"TestX", Fail, "first\n" + strings.Repeat("x", 1<<20) + "\nlast"}, {"TestA", Pass, strings.Repeat("a", 1<<20)}},
		Rest:  strings.Repeat("r", 1<<20),
	}
	text := r.String()
	if len(text) > 2*(maxLog+maxRest) {
		t.Errorf("%d bytes", len(text))
	}
	for _, want := range []string{"first\n", "\nlast\n", "bytes are left out]", "PASS: TestA\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q", want)
		}
	}
}

// FuzzParse has any output read: every test is told of once, and in the report.
func FuzzParse(f *testing.F) {
	f.Add(verbose)
	f.Add("--- FAIL: TestX (0.00s)\n")
	f.Fuzz(func(t *testing.T, text string) {
		r := Parse(text)
		report := r.String()
		for _, o := range r.Tests {
			if !slices.Contains([]string{Pass, Fail, Skip, Unfinished}, o.Verdict) {
				t.Errorf("%+v", o)
			}
			if o.Log != "" && o.Verdict == Fail && !strings.Contains(report, "--- FAIL: "+o.Name+"\n") {
				t.Errorf("%s is not in the report", o.Name)
			}
		}
	})
}
