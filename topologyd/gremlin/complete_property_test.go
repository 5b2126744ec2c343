package gremlin

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// completeWorld is a small graph with something of each kind.
func completeWorld(tb testing.TB) *world {
	w := newWorld(tb)
	w.load(
		`host h Up=true`, `node a device A=1 L=[1,"x"] IPV4=["10.0.0.1/24"] M={"a":{"b":2},"it's":"\"q\"\\"} F=2.5`, `node b veth MTU=1500`, `node ü veth`,
		`edge h -> a ownership`, `edge h -> b ownership`, `edge a -> b layer2 Mode=pair`, `metric a RxBytes=5`,
		`flow f a Application=HTTPS TrackingID=00000000000000a1 Network.A=10.0.0.1 Transport.B=443 Metric.ABBytes=7`,
		`flow g b Application=DNS DNS={"Questions":[{"Name":"x"}]}`,
	)
	return w
}

// scriptQueries are all queries of the scripts that parse.
func scriptQueries(tb testing.TB) (out []string) {
	files, _ := filepath.Glob("testdata/*.test")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			tb.Fatal(err)
		}
		for _, b := range parseScript(string(text)) {
			if _, err := Parse(b.expr); err == nil {
				out = append(out, b.expr)
			}
		}
	}
	return out
}

// sound tells whether a text is the beginning of a query: it parses when its
// parentheses are closed, or lacks arguments and nothing else.
func sound(text string) error {
	tails := []string{"", ", 1", ", 'x'", ".Is(1)", ").Is(1)"}
	depth := scan(text+" ", len(text)+1).depth
	var err error
	for _, tail := range tails {
		if depth == 0 && tail != "" {
			break
		}
		closed := strings.Count(tail, ")") - strings.Count(tail, "(")
		_, err = Parse(text + tail + strings.Repeat(")", max(0, depth-closed)))
		var s *SyntaxError
		var e *EvalError
		if err == nil || errors.As(err, &s) && strings.HasPrefix(s.Got, "the end of the arguments") ||
			errors.As(err, &e) && unfinished(e.Reason) {
			return nil
		}
	}
	return err
}

// unfinished tells whether an error says that something has to follow.
func unfinished(reason string) bool {
	return slices.ContainsFunc([]string{"needs a By for each name", "nothing says when it ends", "so it has to give", "add Is(GT(0))", "stands there already"},
		func(s string) bool { return strings.Contains(reason, s) })
}

// checkItems holds what completion gives at an offset against its promises.
func checkItems(text string, offset int, c *Completion, limit int) error {
	if c.From < 0 || c.From > c.To || c.To > len(text) || c.From > max(0, offset) {
		return fmt.Errorf("replaces %d to %d", c.From, c.To)
	}
	if utf8.ValidString(text) && !(utf8.ValidString(text[:c.From]) && utf8.ValidString(text[c.To:])) {
		return fmt.Errorf("%d to %d cut a character", c.From, c.To)
	}
	if len(c.Items) > limit {
		return fmt.Errorf("%d items", len(c.Items))
	}
	before := text[:c.From]
	// What stands before is the beginning of a query if it is with the most
	// harmless thing in the place.
	fine := false
	if len(c.Items) > 0 {
		for _, dummy := range []string{"", "1", "'x'", "'Application'", "Count()", ".Count()", "V()", ".V()", "G"} {
			fine = fine || sound(before+dummy) == nil
		}
	}
	for _, i := range c.Items {
		if i.Text == "" && i.Insert != "''" || i.Insert == "" || i.Kind == "" || i.Count < 0 {
			return fmt.Errorf("item %+v", i)
		}
		goesOn := ""
		if strings.HasPrefix(strings.TrimLeft(text[c.To:], " \t\r\n"), "(") {
			goesOn = "("
		}
		if err := sound(before + i.Insert + goesOn); fine && err != nil {
			return fmt.Errorf("%s%s: %w", before, i.Insert, err)
		}
	}
	return nil
}

// TestCompletionsParse: at each place of each query of the scripts, what is
// offered goes on to a query.
func TestCompletionsParse(t *testing.T) {
	w := completeWorld(t)
	items := 0
	for i, text := range scriptQueries(t) {
		for offset := i % 3; offset <= len(text); offset += 3 {
			whole := text
			if offset%2 == 0 {
				whole = text[:offset]
			}
			c := w.complete(whole, offset, 100)
			if err := checkItems(whole, offset, c, 100); err != nil {
				t.Errorf("%s|%s: %v", whole[:offset], whole[offset:], err)
			}
			items += len(c.Items)
		}
		if t.Failed() {
			break
		}
	}
	if items < 20_000 {
		t.Errorf("only %d items", items)
	}
}

// TestCompletionFinds: a step, function or key that stands in a query is offered
// at each of its letters.
func TestCompletionFinds(t *testing.T) {
	w := completeWorld(t)
	for _, text := range scriptQueries(t) {
		l := lexer{text: text}
		depth := 0
		for tok, err := l.next(); err == nil && tok.kind != tokEnd; tok, err = l.next() {
			switch tok.kind {
			case tokOpen:
				depth++
			case tokClose:
				depth--
			}
			if tok.kind != tokIdent || depth > 0 || tok.pos == 0 {
				continue
			}
			q, err := Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			name := ""
			for i := range q.steps {
				if q.steps[i].pos == tok.pos {
					name = q.steps[i].name
				}
			}
			if name == stepG {
				continue
			}
			for offset := tok.pos; offset < l.i; offset++ {
				c := w.complete(text[:offset], offset, 100)
				found := false
				for _, i := range c.Items {
					found = found || i.Text == name && i.Kind == ItemStep
				}
				if !found {
					t.Fatalf("%s|: %s is not offered: %v", text[:offset], name, c.Items)
				}
			}
		}
	}
}

// FuzzComplete: no text and offset makes completion panic, replace what is not
// there or offer what spoils the beginning of a query.
func FuzzComplete(f *testing.F) {
	for i, text := range scriptQueries(f) {
		f.Add(text, len(text)*(i%7)/7)
	}
	files, _ := filepath.Glob("testdata/complete/*.txt")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, b := range parseScript(string(text)) {
			if b.verb == "at" {
				query, offset := marked(b.expr)
				f.Add(query, offset)
			}
		}
	}
	w := completeWorld(f)
	f.Fuzz(func(t *testing.T, text string, offset int) {
		c := Complete(t.Context(), text, offset, w.view, w.sources(), 60)
		if err := checkItems(text, offset, c, 60); err != nil {
			t.Fatalf("%q at %d: %v", text, offset, err)
		}
	})
}
