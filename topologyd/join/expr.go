package join

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/skein-net/skein/internal/entity"
)

// Functions of an expression.
const (
	exprHost  = "@Host"
	exprID    = "id"
	exprIP    = "ip"
	exprLower = "lower"
)

// expr is an expression that was read: a function and what it is of. With no
// function, arg is the path of an attribute.
type expr struct{ fn, arg string }

// parseExpr reads an expression. What is wrong is left for [checkExpr]: it gives
// an expression of a path that no entity has.
func parseExpr(s string) expr {
	if s == exprHost {
		return expr{fn: exprID, arg: entity.IDHost}
	}
	if body, ok := strings.CutSuffix(s, ")"); ok {
		if fn, arg, ok := strings.Cut(body, "("); ok {
			switch fn {
			case exprID, exprIP, exprLower:
				return expr{fn, arg}
			}
		}
	}
	return expr{arg: s}
}

// checkExpr says what is wrong with an expression.
func checkExpr(s string) error {
	const forms = "an expression is a path such as Ovs.Tag, @Host, id(key), ip(path) or lower(path)"
	switch {
	case s == "":
		return errors.New("an expression is empty; " + forms)
	case len(s) > MaxExpression:
		return fmt.Errorf("an expression of %d bytes, more than %d", len(s), MaxExpression)
	case s[0] == '@' && s != exprHost:
		return fmt.Errorf("expression %q is not known; %s", s, forms)
	}
	x := parseExpr(s)
	if err := entity.ValidKey(x.arg); err != nil || strings.Trim(x.arg, " ") != x.arg {
		return fmt.Errorf("expression %q has no path that can be; %s", s, forms)
	}
	if fn, _, ok := strings.Cut(x.arg, "("); ok && isWord(fn) {
		switch {
		case x.fn != "":
			return fmt.Errorf("expression %q has a function in another; %s", s, forms)
		case s[len(s)-1] != ')':
			return fmt.Errorf("expression %q does not end in a parenthesis; %s", s, forms)
		}
		return fmt.Errorf("expression %q: function %s is not known; %s", s, fn, forms)
	}
	return nil
}

func isWord(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') })
}

// reader reads the values of expressions, one after the other, so that one
// allocation does for all of an entity. It is for one goroutine.
type reader struct {
	e      Entity
	fn     string
	values []string
	yield  func(entity.Value) bool // take, made once
	room   [8]string
}

func newReader(e Entity) *reader {
	r := &reader{e: e}
	r.values, r.yield = r.room[:0], r.take
	return r
}

// read appends the values of an expression to values, as text, sorted and each
// once. Empty ones and those longer than MaxValue are none.
func (r *reader) read(x expr) {
	start := len(r.values)
	if r.fn = x.fn; x.fn == exprID {
		r.add(r.e.ID(x.arg))
		return
	}
	r.e.Lookup(x.arg, r.yield)
	if added := r.values[start:]; len(added) > 1 {
		slices.Sort(added)
		r.values = r.values[:start+len(slices.Compact(added))]
	}
}

// take adds the text of a scalar, or that of each scalar in a list.
func (r *reader) take(v entity.Value) bool {
	switch v.Kind() {
	case entity.KindString:
		r.text(v.Str())
	case entity.KindInt:
		r.text(strconv.FormatInt(v.Int(), 10))
	case entity.KindFloat: // 5 and 5.0 are one number
		r.text(strconv.FormatFloat(v.Float(), 'f', -1, 64))
	case entity.KindBool:
		r.text(strconv.FormatBool(v.Bool()))
	case entity.KindList:
		for _, element := range v.List() {
			r.take(element)
		}
	}
	return true
}

// text adds what the function makes of a text.
func (r *reader) text(s string) {
	switch r.fn {
	case exprIP:
		s = address(s)
	case exprLower:
		s = strings.ToLower(s)
	}
	r.add(s)
}

func (r *reader) add(s string) {
	if s != "" && len(s) <= MaxValue {
		r.values = append(r.values, s)
	}
}

// address returns the shortest text of an address without prefix length and
// zone (RFC 5952), "" for what is none.
func address(s string) string {
	s, _, _ = strings.Cut(s, "/")
	a, err := netip.ParseAddr(s)
	if err != nil {
		return ""
	}
	return a.Unmap().WithZone("").String()
}

// exists tells whether there is a value at all, of whichever kind.
func (r *reader) exists(x expr) bool {
	if x.fn != "" {
		start := len(r.values)
		r.read(x)
		found := len(r.values) > start
		r.values = r.values[:start]
		return found
	}
	found := false
	r.e.Lookup(x.arg, func(v entity.Value) bool {
		switch v.Kind() {
		case entity.KindString:
			found = v.Str() != ""
		case entity.KindList:
			found = len(v.List()) > 0
		case entity.KindMap:
			found = len(v.Map()) > 0
		default:
			found = !v.IsZero()
		}
		return !found
	})
	return found
}
