package metafile

import (
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/skein-net/skein/internal/entity"
)

// parseProperties reads the format of java.util.Properties.load: logical lines
// of a key, a separator ('=', ':' or white space) and a value, with escapes.
// The result is flat, with the keys as they are written: "site.rack" is one
// key. References such as ${name} stay text.
func parseProperties(text string) (entity.Value, error) {
	var doc entity.Attrs
	for number, line := range logicalLines(text) {
		end, escaped := 0, false
		for ; end < len(line); end++ {
			c := line[end]
			if !escaped && (c == '=' || c == ':' || isBlank(c)) {
				break
			}
			escaped = c == '\\' && !escaped
		}
		rest := strings.TrimLeft(line[end:], blanks)
		if rest != "" && (rest[0] == '=' || rest[0] == ':') {
			rest = strings.TrimLeft(rest[1:], blanks)
		}
		key, err := unescape(line[:end])
		if err == nil && key == "" {
			err = errors.New("no key")
		}
		var value string
		if err == nil {
			value, err = unescape(rest)
		}
		if err != nil {
			return entity.Value{}, fmt.Errorf("parse properties: line %d: %w", number, err)
		}
		doc = append(doc, entity.A(key, entity.String(value)))
	}
	return entity.Map(doc.Normalize()), nil
}

const blanks = " \t\f"

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\f' }

// lines yields the lines of a text and their numbers, from 1. A line ends with
// a line feed, a carriage return or both.
func lines(text string) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		for number := 1; text != ""; number++ {
			line := text
			if end := strings.IndexAny(text, "\r\n"); end >= 0 {
				line = text[:end]
				if strings.HasPrefix(text[end:], "\r\n") {
					end++
				}
				text = text[end+1:]
			} else {
				text = ""
			}
			if !yield(number, line) {
				return
			}
		}
	}
}

// logicalLines yields lines that are neither blank nor a comment, joined with
// those that continue them, and the number of the first.
func logicalLines(text string) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		var joined strings.Builder
		first, continues := 0, false
		for number, line := range lines(text) {
			line = strings.TrimLeft(line, blanks)
			if !continues {
				if line == "" || line[0] == '#' || line[0] == '!' {
					continue
				}
				first = number
			}
			slashes := len(line) - len(strings.TrimRight(line, `\`))
			if continues = slashes%2 == 1; continues {
				joined.WriteString(line[:len(line)-1])
				continue
			}
			joined.WriteString(line)
			if joined.Len() > 0 && !yield(first, joined.String()) {
				return
			}
			joined.Reset()
		}
		if joined.Len() > 0 {
			yield(first, joined.String())
		}
	}
}

// unescape replaces \t, \n, \r, \f and \uXXXX, pairs of surrogates as one, and
// drops the backslash before everything else.
func unescape(s string) (string, error) {
	if !strings.Contains(s, `\`) {
		return s, nil
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			if s[i] != '\\' {
				b.WriteByte(s[i])
			}
			continue
		}
		i++
		switch s[i] {
		case 't':
			b.WriteByte('\t')
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		case 'f':
			b.WriteByte('\f')
		case 'u':
			r, ok := hex4(s[i+1:])
			if !ok {
				return "", errors.New(`\u without four hexadecimal digits`)
			}
			i += 4
			if utf16.IsSurrogate(r) {
				low := rune(-1)
				if strings.HasPrefix(s[i+1:], `\u`) {
					low, _ = hex4(s[i+3:])
				}
				if r = utf16.DecodeRune(r, low); r != '\uFFFD' {
					i += 6
				}
			}
			b.WriteRune(r)
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), nil
}

func hex4(s string) (rune, bool) {
	if len(s) < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(s[:4], 16, 16)
	return rune(n), err == nil
}
