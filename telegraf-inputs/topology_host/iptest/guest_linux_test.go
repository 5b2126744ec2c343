package iptest

import (
	"bytes"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/guest"
)

// TestGuest runs this test binary's TestInGuest in a guest with Debian's
// kernel, which has the kinds of link that the kernel of a test machine often
// lacks, and reports what its parts found as its own.
func TestGuest(t *testing.T) {
	if inGuest() {
		t.Skip("runs on the host of the guest")
	}
	if testing.Short() {
		t.Skip("boots a guest")
	}
	im, err := guest.Prepare(t.Context())
	var none *guest.UnavailableError
	if errors.As(err, &none) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err = im.Run(t.Context(), guest.Options{Stdout: &out, Stderr: &out, Timeout: 9 * time.Minute},
		self, "-test.run=^TestInGuest$", "-test.v", "-test.timeout=8m")
	results := parseVerbose(out.String())
	for _, r := range results {
		t.Run(r.name, func(t *testing.T) {
			switch r.verdict {
			case "FAIL":
				t.Error(r.log)
			case "SKIP":
				t.Skip(strings.TrimSpace(r.log))
			default:
				if text := strings.TrimSpace(r.log); text != "" {
					t.Log(text)
				}
			}
		})
	}
	var exit *guest.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Errorf("%v\n%s", err, out.String())
	} else if err != nil && !t.Failed() {
		t.Errorf("the tests in the guest failed, none of them says why: %v\n%s", err, out.String())
	}
	if len(results) == 0 {
		t.Errorf("no results from the guest:\n%s", out.String())
	}
}

// outcome is the result of one test of another process.
type outcome struct{ name, verdict, log string }

var (
	startLine   = regexp.MustCompile(`^=== (?:RUN|CONT|NAME) +(\S+)`)
	verdictLine = regexp.MustCompile(`^ *--- (PASS|FAIL|SKIP): (\S+) \(`)
)

// parseVerbose reads what a test binary prints with -test.v. Names lose the
// outermost test's name.
func parseVerbose(text string) []outcome {
	logs := map[string]*strings.Builder{}
	var out []outcome
	current := ""
	for line := range strings.Lines(text) {
		if m := startLine.FindStringSubmatch(line); m != nil {
			current = m[1]
			continue
		}
		if m := verdictLine.FindStringSubmatch(line); m != nil {
			out = append(out, outcome{name: m[2], verdict: m[1]})
			continue
		}
		if logs[current] == nil {
			logs[current] = &strings.Builder{}
		}
		logs[current].WriteString(line)
	}
	for i := range out {
		if b := logs[out[i].name]; b != nil {
			out[i].log = b.String()
		}
		_, inner, found := strings.Cut(out[i].name, "/")
		if !found {
			inner = "whole"
		}
		out[i].name = inner
	}
	return out
}

func TestParseVerbose(t *testing.T) {
	got := parseVerbose(`=== RUN   TestX
=== RUN   TestX/a
    f.go:1: hello
    more
=== RUN   TestX/b
    f.go:2: because
=== NAME  TestX
    f.go:3: outer
--- FAIL: TestX (0.00s)
    --- PASS: TestX/a (0.00s)
    --- SKIP: TestX/b (0.00s)
FAIL
`)
	want := []outcome{
		{"whole", "FAIL", "    f.go:3: outer\nFAIL\n"},
		{"a", "PASS", "    f.go:1: hello\n    more\n"},
		{"b", "SKIP", "    f.go:2: because\n"},
	}
	if len(got) != len(want) {
		t.Fatalf("%d results: %q", len(got), got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("result %d: %q, want %q", i, got[i], want[i])
		}
	}
}
