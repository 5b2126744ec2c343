package gremlin

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestStarts(t *testing.T) {
	for _, tc := range []struct {
		expr  string
		want  string // texts with spaces between them
		whole bool
	}{
		{"eth0", "eth0", true},
		{"eth.*", "eth", false},
		{"eth0|eth1", "eth0 eth1", true},
		{"veth.*|tap[0-9]+", "tap0 tap1 tap2 tap3 tap4 tap5 tap6 tap7 tap8 tap9 veth", false},
		{"eth[01]", "eth0 eth1", true},
		{"eth0?", "eth eth0", true},
		{"(a|b)(c|d).*", "ac ad bc bd", false},
		{"(?i)eth.*", "", false},
		{".*eth", "", false},
		{"x*", "", false},
		{"(ab.*)?c", "", false},
		{"a+b", "a", false},
		{"(?:ab){2,3}", "ab", false},
		{"", " ", true},
		{"[a-z]+", "", false},
		{`10\.0\..*`, "10.0.", false},
		{`\x{FFFD}.*`, "", false},
		{"é.*", "é", false},
	} {
		got, whole := starts(tc.expr)
		want := strings.Fields(tc.want)
		if tc.want == " " {
			want = []string{""}
		}
		if !slices.Equal(got, want) || whole != tc.whole {
			t.Errorf("%s: %q %v, want %q %v", tc.expr, got, whole, want, tc.whole)
		}
	}
}

// TestStartsHold checks random expressions against random texts: what matches
// begins with one of the texts, and is one of them when these are all.
func TestStartsHold(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var expr func(depth int) string
	expr = func(depth int) string {
		if depth == 0 {
			return []string{"a", "b", "ab", ".", "[ab]", "[^a]", "", `\b`, "(?i:A)"}[rnd.IntN(9)]
		}
		x, y := expr(depth-1), expr(depth-1)
		switch rnd.IntN(6) {
		case 0:
			return "(" + x + "|" + y + ")"
		case 1:
			return "(?:" + x + ")" + []string{"*", "+", "?", "{1,2}", "{0,1}", "{2}"}[rnd.IntN(6)]
		case 2:
			return "(" + x + ")"
		default:
			return x + y
		}
	}
	known := 0
	for range 3000 {
		e := expr(1 + rnd.IntN(3))
		re, err := regexp.Compile(`\A(?:` + e + `)\z`)
		if err != nil {
			continue
		}
		texts, whole := starts(e)
		if len(texts) > 0 {
			known++
		}
		for range 60 {
			var b strings.Builder
			for range rnd.IntN(6) {
				b.WriteByte("aabbAc"[rnd.IntN(6)])
			}
			s := b.String()
			begins := slices.ContainsFunc(texts, func(p string) bool { return strings.HasPrefix(s, p) })
			switch matches := re.MatchString(s); {
			case matches && len(texts) > 0 && !begins:
				t.Fatalf("%s matches %q, which begins with none of %q", e, s, texts)
			case whole && matches != slices.Contains(texts, s):
				t.Fatalf("%s is said to match %q alone; %q: %v", e, texts, s, matches)
			}
		}
	}
	if known < 300 {
		t.Errorf("only %d expressions have a known beginning", known)
	}
}
