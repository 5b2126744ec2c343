package gremlin

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// TestBounds: a text that is too long, too deep or has too many steps is
// refused at once, with its place.
func TestBounds(t *testing.T) {
	deep := func(n int) string {
		return "G.V().Has('a', " + strings.Repeat("WITHIN(", n) + "1" + strings.Repeat(")", n) + ")"
	}
	for _, tc := range []struct{ name, text, want string }{
		{"steps", "G" + strings.Repeat(".V().G", 500), "line 1, column 3001: the query has more than 1000 steps"},
		{"chained", "G.V()" + strings.Repeat(".In()", 10_000), "line 1, column 4997: the query has more than 1000 steps"},
		{"nested", deep(8000), "line 1, column 233: functions and steps are nested more than 32 deep"},
		{"length", "G.V('" + strings.Repeat("x", MaxText), "line 1, column 65537: the query is 65541 bytes long, the limit is 65536"},
		{"unclosed", strings.Repeat("G(", 30_000), "line 1, column 65: functions and steps are nested more than 32 deep"},
		{"traversals", "G.V()" + strings.Repeat(".Where(Out()", 5000), "line 1, column 385: functions and steps are nested more than 32 deep"},
		{"inside", "G.V().Where(In()" + strings.Repeat(".In()", 10_000), "line 1, column 4998: the query has more than 1000 steps"},
		{"parentheses", "G" + strings.Repeat("(", 60_000), `line 1, column 3: found "(", expected a string in quotes, a number, TRUE, FALSE or a function such as WITHIN`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Parse(tc.text)
			var syntax *SyntaxError
			if !errors.As(err, &syntax) {
				t.Fatalf("got %v, want a syntax error", err)
			}
			if err.Error() != tc.want {
				t.Errorf("got  %s\nwant %s", err, tc.want)
			}
		})
	}
	if _, err := Parse("G.V()" + strings.Repeat(".Out()", MaxSteps-2)); err != nil {
		t.Errorf("%d steps: %v", MaxSteps, err)
	}
	if _, err := Parse(deep(1)); err != nil {
		t.Errorf("one level: %v", err)
	}
}

func TestExplain(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"G.V().Count().Out()", `
line 1, column 15: Out: works on nodes or flows, but what stands before it (Count) gives number
  G.V().Count().Out()
                ^`},
		{"G.V()\n\t.Has('ü', §)\n.Count()", `
line 2, column 12: the character '§' has no meaning here; texts stand in quotes
  	.Has('ü', §)
  	          ^`},
		{"G.V()\n.Has(", `
line 2, column 6: found the end of the query, expected a string in quotes, a number, TRUE, FALSE or a function such as WITHIN
  .Has(
       ^`},
		{"G.V('Name', '" + strings.Repeat("x", 100) + "').Ot()." + strings.Repeat("Out().", 20) + "Out()", `
line 1, column 117: unknown step Ot; did you mean At, Not or Or?
  ` + strings.Repeat("x", 57) + `').Ot().Out().Out().Out().Out().Out().Out().Out().Out().Out().O
  ` + strings.Repeat(" ", 60) + `^`},
		{"", `
line 1, column 1: found the end of the query, expected G, with which every query starts
  
  ^`},
	} {
		_, err := Parse(tc.text)
		if err == nil {
			t.Errorf("%q: no error", tc.text)
			continue
		}
		if got := "\n" + Explain(tc.text, err); got != tc.want {
			t.Errorf("%q: got%s\nwant%s", tc.text, got, tc.want)
		}
	}
	if got := Explain("G", errors.New("elsewhere")); got != "elsewhere" {
		t.Errorf("an error without position: %q", got)
	}
}

// TestErrorTypes: text that is no query is a SyntaxError with what was found
// and expected, a step misused an EvalError with its name.
func TestErrorTypes(t *testing.T) {
	_, err := Parse("G.V().Limit('x')")
	var syntax *SyntaxError
	if !errors.As(err, &syntax) || syntax.Pos != 12 || syntax.Column != 13 || syntax.Got != "the string 'x'" || len(syntax.Expected) != 1 {
		t.Errorf("got %#v", err)
	}
	_, err = Parse("G.V()\n.Count().Out()")
	var eval *EvalError
	if !errors.As(err, &eval) || eval.Pos != 15 || eval.Line != 2 || eval.Column != 10 || eval.Step != "Out" {
		t.Errorf("got %#v", err)
	}
	_, err = Parse("G.V().Ot()")
	if !errors.As(err, &syntax) || !slices.Equal(syntax.Expected, []string{"At", "Not", "Or"}) {
		t.Errorf("got %#v", err)
	}
}

func TestNotUTF8(t *testing.T) {
	for _, text := range []string{"G.V('\xff')", "\xffG", "G.V().Has('a\xc3', 1)"} {
		if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), "not UTF-8") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
