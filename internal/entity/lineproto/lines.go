package lineproto

import (
	"bytes"
	"hash/maphash"
	"math"
)

// MaxLine is the length of the longest line that is read, in bytes.
const MaxLine = 1 << 20

// Lines splits body into lines, minding line breaks inside strings, and calls
// yield with each line's number (from 1) until it returns false. Blank lines
// and comments are left out, as are the line's end and white space around it.
// A string that does not end within [MaxLine] bytes is taken to end with its
// line, so that one broken line does not swallow those after it. The lines
// are parts of body.
func Lines(body []byte, yield func(number int, line []byte) bool) {
	for number := 1; len(body) > 0; number++ {
		end, breaks := lineEnd(body)
		line := trim(body[:end])
		if len(line) > 0 && line[0] != '#' && !yield(number, line) {
			return
		}
		number += breaks
		body = body[min(end+1, len(body)):]
	}
}

// lineEnd returns the offset of the newline that ends the first line of b, or
// len(b), and the number of newlines within the line.
func lineEnd(b []byte) (end, breaks int) {
	nl := newline(b, 0)
	i := fieldsAt(b[:nl])
	for {
		q := bytes.IndexByte(b[i:nl], '"')
		if q < 0 {
			return nl, breaks
		}
		q += i
		if i = q + 1; !opensString(b, q) {
			continue
		}
		n := closingQuote(b[i:min(len(b), i+MaxLine)])
		if n < 0 {
			return newline(b, i), breaks
		}
		if i += n + 1; i > nl {
			breaks += bytes.Count(b[nl:i], []byte{'\n'})
			nl = newline(b, i)
		}
	}
}

func newline(b []byte, from int) int {
	if n := bytes.IndexByte(b[from:], '\n'); n >= 0 {
		return from + n
	}
	return len(b)
}

// fieldsAt returns the offset of the first field of a line: after the first
// space that is not escaped. It is len(line) for comments and for lines
// without fields.
func fieldsAt(line []byte) int {
	i := 0
	for i < len(line) && isSpace(line[i]) {
		i++
	}
	if i < len(line) && line[i] == '#' {
		return len(line)
	}
	for i < len(line) {
		n := bytes.IndexByte(line[i:], ' ')
		if n < 0 {
			return len(line)
		}
		if i += n + 1; n == 0 || line[i-2] != '\\' {
			return i
		}
	}
	return len(line)
}

// opensString reports whether the quote at q, which is among the fields and
// not inside a string, begins one: it follows an '=' that is not escaped.
func opensString(b []byte, q int) bool {
	return q >= 2 && b[q-1] == '=' && b[q-2] != '\\'
}

// closingQuote returns the offset of the quote that ends the string which b
// is the content of, -1 when there is none.
func closingQuote(b []byte) int {
	for i := 0; ; {
		n := bytes.IndexByte(b[i:], '"')
		if n < 0 {
			return -1
		}
		i += n
		k := i
		for k > 0 && b[k-1] == '\\' {
			k--
		}
		if (i-k)%2 == 0 {
			return i
		}
		i++
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' }

func trim(b []byte) []byte {
	for len(b) > 0 && isSpace(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && (isSpace(b[len(b)-1]) || b[len(b)-1] == '\n') {
		b = b[:len(b)-1]
	}
	return b
}

// TrimTime splits a line into what it says and its timestamp, as it stands at
// the end. It looks at the timestamp only: of a malformed line it may return
// anything, with no timestamp that the line does not end in. ok is false when
// there is none, or it does not fit in 64 bits.
func TrimTime(line []byte) (content []byte, unixNano int64, ok bool) {
	line = trim(line)
	i := len(line)
	for i > 0 && line[i-1] >= '0' && line[i-1] <= '9' {
		i--
	}
	digits := line[i:]
	negative := i > 0 && line[i-1] == '-'
	if negative {
		i--
	}
	if len(digits) == 0 || i < 2 || line[i-1] != ' ' || line[i-2] == '\\' {
		return line, 0, false
	}
	if unixNano, ok = parseInt(digits, negative); !ok {
		return line, 0, false
	}
	return trim(line[:i]), unixNano, true
}

// parseInt reads decimal digits; ok is false when there is none, another
// character, or the number does not fit.
func parseInt(digits []byte, negative bool) (_ int64, ok bool) {
	u, ok := parseUint(digits)
	switch {
	case !ok || u > math.MaxInt64+1 || u > math.MaxInt64 && !negative:
		return 0, false
	case negative:
		return -int64(u), true
	}
	return int64(u), true
}

func parseUint(digits []byte) (u uint64, ok bool) {
	if len(digits) == 0 || len(digits) > 20 {
		return 0, false
	}
	for i, c := range digits {
		c -= '0'
		if c > 9 || i == 19 && (u > math.MaxUint64/10 || u == math.MaxUint64/10 && c > math.MaxUint64%10) {
			return 0, false
		}
		u = u*10 + uint64(c)
	}
	return u, true
}

// Fingerprint returns a hash of a line without its timestamp (see [TrimTime])
// that does not depend on the order of the fields: Telegraf's stock outputs
// write the fields of one and the same metric in another order each time.
// Lines that are equal but for that order have the same fingerprint. That a
// field given twice has its last value does not enter. It allocates nothing.
func Fingerprint(seed maphash.Seed, content []byte) uint64 {
	i := fieldsAt(content)
	sum := maphash.Bytes(seed, content[:i])
	for i < len(content) {
		end := pairEnd(content, i)
		h := maphash.Bytes(seed, content[i:end])
		// Multiplied, so that head and field are not one another's double.
		sum += (h ^ h>>29) * 0x9e3779b97f4a7c15
		i = end + 1
	}
	return sum
}

// pairEnd returns the offset of the comma after the field at i, or len(b).
func pairEnd(b []byte, i int) int {
	for ; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case ',':
			return i
		case '"':
			if !opensString(b, i) {
				continue
			}
			n := closingQuote(b[i+1:])
			if n < 0 {
				return len(b)
			}
			i += n + 1
		}
	}
	return min(i, len(b))
}
