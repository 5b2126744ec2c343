package alert

import (
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"text/template"
	"unicode"
	"unicode/utf8"
)

// work is what one expansion may still do.
type work struct{ left int }

var errWork = errors.New("it does too much; range over less")

// take counts work.
func (w *work) take(n int) error {
	if w.left -= n + 1; w.left < 0 {
		return errWork
	}
	return nil
}

// funcs are the functions that templates have. Those of the library that can give
// more than they are given are replaced.
func (w *work) funcs() template.FuncMap {
	return template.FuncMap{
		stepName:             func() (string, error) { return "", w.take(turnWork) },
		"humanize":           number(w, humanize),
		"humanize1024":       number(w, func(v float64) string { return humanize1024(v, "") }),
		"humanizeBytes":      number(w, func(v float64) string { return humanize1024(v, "B") }),
		"humanizeDuration":   number(w, humanizeDuration),
		"humanizePercentage": number(w, func(v float64) string { return fmt.Sprintf("%.4g%%", v*100) }),
		"title":              w.textFunc(title),
		"toUpper":            w.textFunc(strings.ToUpper),
		"toLower":            w.textFunc(strings.ToLower),
		"queryEscape":        w.textFunc(url.QueryEscape),
		"pathEscape":         w.textFunc(url.PathEscape),
		"urlquery":           func(args ...any) (string, error) { return w.text(url.QueryEscape, args) },
		"html":               func(args ...any) (string, error) { return w.text(template.HTMLEscapeString, args) },
		"js":                 func(args ...any) (string, error) { return w.text(template.JSEscapeString, args) },
		"print":              func(args ...any) (string, error) { return w.text(same, args) },
		"println":            func(args ...any) (string, error) { return w.text(func(s string) string { return s + "\n" }, args) },
		"printf":             w.printf,
		"match":              w.match,
		"reReplaceAll":       w.replace,
		"join":               w.join,
		"first":              w.first,
	}
}

func same(s string) string { return s }

// textFunc makes a function on texts one that counts.
func (w *work) textFunc(f func(string) string) func(any) (string, error) {
	return func(arg any) (string, error) { return w.text(f, []any{arg}) }
}

// text applies a function to values as print would put them together.
func (w *work) text(f func(string) string, args []any) (string, error) {
	size := 0
	for _, arg := range args {
		size += len(show(arg)) + 1
		if size > maxOutput+len(args) {
			return "", errLong
		}
	}
	for i, arg := range args {
		if _, ok := arg.(fmt.Stringer); ok {
			args[i] = show(arg)
		}
	}
	return w.done(f(fmt.Sprint(args...)))
}

// done counts a text that a function gives.
func (w *work) done(s string) (string, error) {
	if len(s) > maxOutput {
		return "", errLong
	}
	return s, w.take(len(s))
}

// wide finds the widths that printf cannot be given.
const wide = 4

func (w *work) printf(format string, args ...any) (string, error) {
	digits, size := 0, len(format)
	for _, r := range format {
		if r == '*' {
			return "", errors.New("printf cannot take a width as an argument")
		}
		if digits++; r < '0' || r > '9' {
			digits = 0
		}
		if digits >= wide {
			return "", errors.New("printf can make a text at most 999 wide")
		}
	}
	if verbs := strings.Count(format, "%"); verbs > 64 {
		return "", errors.New("printf can take at most 64 verbs")
	}
	for i, arg := range args {
		text := show(arg)
		if size += len(text); size > maxOutput {
			return "", errLong
		}
		switch reflect.ValueOf(arg).Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Struct: // no verb is to show how they lie in memory
			args[i] = text
		}
	}
	return w.done(fmt.Sprintf(format, args...))
}

// pattern reads a regular expression (RE2).
func (w *work) pattern(expr string) (*regexp.Regexp, error) {
	if len(expr) > maxKeyLength {
		return nil, fmt.Errorf("a regular expression has more than %d bytes", maxKeyLength)
	}
	if err := w.take(16 * len(expr)); err != nil {
		return nil, err
	}
	return regexp.Compile(expr)
}

func (w *work) match(expr, text string) (bool, error) {
	re, err := w.pattern(expr)
	if err != nil {
		return false, err
	}
	return re.MatchString(text), w.take(len(text))
}

func (w *work) replace(expr, with, text string) (string, error) {
	re, err := w.pattern(expr)
	if err != nil {
		return "", err
	}
	if err := w.take(len(text)); err != nil {
		return "", err
	}
	var out []byte
	from := 0
	for _, m := range re.FindAllStringSubmatchIndex(text, -1) {
		out = append(out, text[from:m[0]]...)
		out = re.ExpandString(out, with, text, m)
		if from = m[1]; len(out) > maxOutput {
			return "", errLong
		}
	}
	return w.done(string(append(out, text[from:]...)))
}

// join puts a text between the elements of a list.
func (w *work) join(between string, list any) (string, error) {
	v := reflect.ValueOf(list)
	if v.Kind() != reflect.Slice {
		return "", errors.New("join needs a list after the text that goes between, for example join \", \" .Members")
	}
	var b strings.Builder
	for i := range v.Len() {
		if i > 0 {
			b.WriteString(between)
		}
		b.WriteString(show(v.Index(i).Interface()))
		if b.Len() > maxOutput {
			return "", errLong
		}
	}
	return w.done(b.String())
}

// first gives the first elements of a list.
func (w *work) first(n int, list any) (any, error) {
	v := reflect.ValueOf(list)
	if v.Kind() != reflect.Slice {
		return nil, errors.New("first needs a number and a list, for example first 3 .Members")
	}
	return v.Slice(0, min(max(n, 0), v.Len())).Interface(), w.take(1)
}

// show is a value as text.
func show(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case nil:
		return ""
	case fmt.Stringer:
		return v.String()
	}
	return fmt.Sprint(v)
}

// title begins each word with a capital.
func title(s string) string {
	var b strings.Builder
	start := true
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if start {
			r = unicode.ToTitle(r)
		}
		b.WriteRune(r)
		start = unicode.IsSpace(r)
		s = s[n:]
	}
	return b.String()
}
