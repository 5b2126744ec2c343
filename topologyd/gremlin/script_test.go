package gremlin

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestScripts runs testdata/*.test. A script is made of blocks that start in
// the first column and go on indented:
//
//	load             clears the graph and loads the lines that follow, see world
//	query EXPR       gives the lines that follow, in any order
//	ordered EXPR     gives the lines that follow, in this order
//	print EXPR       has the one line that follows as its canonical form
//	error EXPR       is refused, by Parse or Run, with the message that follows
//	limits K=V ...   sets limits for the queries that follow; none: the defaults
//
// An expression may go on in lines that start with a dot. # starts a comment.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.test")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".test"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			runScript(t, file, string(text))
		})
	}
}

type block struct {
	line       int
	verb, expr string
	body       []string
}

func parseScript(text string) []block {
	var blocks []block
	for i, line := range strings.Split(text, "\n") {
		trimmed := strings.TrimSpace(line)
		if trimmed == "" || strings.HasPrefix(trimmed, "#") {
			continue
		}
		if line[0] != ' ' && line[0] != '\t' {
			verb, expr, _ := strings.Cut(trimmed, " ")
			blocks = append(blocks, block{line: i + 1, verb: verb, expr: strings.TrimSpace(expr)})
			continue
		}
		b := &blocks[len(blocks)-1]
		if strings.HasPrefix(trimmed, ".") && len(b.body) == 0 {
			b.expr += trimmed
			continue
		}
		b.body = append(b.body, trimmed)
	}
	return blocks
}

func runScript(t *testing.T, file, text string) {
	w := newWorld(t)
	w.load()
	var lim Limits
	for _, b := range parseScript(text) {
		fail := func(format string, args ...any) {
			t.Helper()
			t.Errorf("%s:%d: %s %s\n%s", file, b.line, b.verb, b.expr, fmt.Sprintf(format, args...))
		}
		switch b.verb {
		case "load":
			w = newWorld(t)
			w.load(b.body...)
		case "limits":
			lim = Limits{}
			for _, word := range strings.Fields(b.expr) {
				var n int
				key, value, _ := strings.Cut(word, "=")
				fmt.Sscan(value, &n)
				switch key {
				case "visited":
					lim.Visited = n
				case "results":
					lim.Results = n
				case "time":
					lim.Time = time.Duration(n)
				default:
					fail("no limit %s", key)
				}
			}
		case "query", "ordered":
			got, err := w.ask(b.expr, lim)
			if err != nil {
				fail("%s", Explain(w.expand(b.expr), err))
				continue
			}
			want := slices.Clone(b.body)
			if b.verb == "query" {
				slices.Sort(got)
				slices.Sort(want)
			}
			if !slices.Equal(got, want) {
				fail("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
			}
			stable(t, w.expand(b.expr))
		case "print":
			q, err := Parse(b.expr)
			if err != nil {
				fail("%v", err)
			} else if got := q.String(); len(b.body) != 1 || got != b.body[0] {
				fail("got\n  %s\nwant\n  %s", got, strings.Join(b.body, "\n  "))
			}
			stable(t, b.expr)
		case "error":
			got, err := w.ask(b.expr, lim)
			if want := strings.Join(b.body, " "); err == nil {
				fail("no error, but\n  %s", strings.Join(got, "\n  "))
			} else if err.Error() != want {
				fail("got\n  %s\nwant\n  %s", err, want)
			}
		default:
			fail("unknown verb")
		}
	}
}

// stable checks that the canonical form of a query is a query that means and
// prints the same.
func stable(t *testing.T, text string) {
	t.Helper()
	q, err := Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	again, err := Parse(q.String())
	if err != nil {
		t.Fatalf("%s: prints as %s: %v", text, q, err)
	}
	if again.String() != q.String() || again.Kind() != q.Kind() || !sameCalls(q.steps, again.steps) {
		t.Fatalf("%s: prints as %s, which parses to %s", text, q, again)
	}
}

func sameCalls(a, b []call) bool {
	return slices.EqualFunc(a, b, func(x, y call) bool {
		return x.name == y.name && slices.EqualFunc(x.args, y.args, func(x, y arg) bool {
			if x.fn != nil && y.fn != nil {
				return sameCalls([]call{*x.fn}, []call{*y.fn})
			}
			return x.fn == nil && y.fn == nil && x.val.Equal(y.val) && sameCalls(x.sub, y.sub)
		})
	})
}
