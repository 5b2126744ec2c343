package guesttest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Verdicts of an [Outcome].
const (
	Pass = "PASS"
	Fail = "FAIL"
	Skip = "SKIP"
	// Unfinished is a test that began and did not end.
	Unfinished = "UNFINISHED"
)

// Outcome is what came of one test; a test within a test is one too.
type Outcome struct {
	// Name is the test's, with those of the tests around it before it and slashes
	// between.
	Name    string
	Verdict string
	// Log is what it printed, whole lines.
	Log string
}

// Results are what came of the tests of one process.
type Results struct {
	// Tests are in the order in which their verdicts were printed, the unfinished
	// at the end.
	Tests []Outcome
	// Rest is what no test printed: a panic, a data race, goroutines that were left.
	Rest string
}

var (
	startLine   = regexp.MustCompile(`^=== (?:RUN|PAUSE|CONT|NAME) +(\S+)`)
	verdictLine = regexp.MustCompile(`^( *)--- (PASS|FAIL|SKIP): (\S+) \(`)
)

// Parse reads what a test binary prints with -test.v.
func Parse(text string) Results {
	var (
		r       Results
		names   []string // in the order in which they began
		logs    = map[string]*strings.Builder{"": {}}
		ended   = map[string]bool{}
		current string
	)
	for line := range strings.Lines(text) {
		if m := startLine.FindStringSubmatch(line); m != nil {
			current = m[1]
			if logs[current] == nil {
				logs[current] = &strings.Builder{}
				names = append(names, current)
			}
			continue
		}
		if m := verdictLine.FindStringSubmatch(line); m != nil {
			r.Tests = append(r.Tests, Outcome{Name: m[3], Verdict: m[2]})
			ended[m[3]] = true
			if m[1] == "" {
				current = ""
			}
			continue
		}
		if current == "" && slices.Contains([]string{"PASS", "FAIL"}, strings.TrimSpace(line)) {
			continue
		}
		logs[current].WriteString(line)
	}
	for _, name := range names {
		if !ended[name] {
			r.Tests = append(r.Tests, Outcome{Name: name, Verdict: Unfinished})
		}
	}
	for i := range r.Tests {
		if b := logs[r.Tests[i].Name]; b != nil {
			r.Tests[i].Log = b.String()
		}
	}
	r.Rest = logs[""].String()
	return r
}

// Names returns the tests with a verdict.
func (r Results) Names(verdict string) (out []string) {
	for _, o := range r.Tests {
		if o.Verdict == verdict {
			out = append(out, o.Name)
		}
	}
	return out
}

// Bounds of a report in bytes: of what one test printed, and of the rest.
const (
	maxLog  = 6000
	maxRest = 6000
)

// String tells first what failed and what it printed, then what did not end, then
// what no test printed, then what passed and what was skipped, one line each.
func (r Results) String() string {
	var b strings.Builder
	bad := append(r.Names(Fail), r.Names(Unfinished)...)
	for _, verdict := range []string{Fail, Unfinished} {
		for _, o := range r.Tests {
			// One that failed by a test inside it has nothing to say.
			inside := slices.ContainsFunc(bad, func(name string) bool { return strings.HasPrefix(name, o.Name+"/") })
			if o.Verdict != verdict || o.Log == "" && inside {
				continue
			}
			fmt.Fprintf(&b, "--- %s: %s\n%s", o.Verdict, o.Name, withEnd(clip(o.Log, maxLog)))
		}
	}
	b.WriteString(withEnd(clip(strings.TrimSpace(r.Rest), maxRest)))
	for _, verdict := range []string{Pass, Skip} {
		if names := r.Names(verdict); len(names) > 0 {
			fmt.Fprintf(&b, "%s: %s\n", verdict, strings.Join(names, " "))
		}
	}
	return b.String()
}

// clip leaves out the middle of a text of more than n bytes: of a failure the first
// lines tell most, then the last.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	head, tail := s[:n/3*2], s[len(s)-n/3:]
	return fmt.Sprintf("%s\n[%d bytes are left out]\n%s", head, len(s)-len(head)-len(tail), tail)
}

// withEnd has a text that is not empty end with a line break.
func withEnd(s string) string {
	if s == "" || strings.HasSuffix(s, "\n") {
		return s
	}
	return s + "\n"
}
