package overview

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Others ends the path of a group of what there was no room for; by itself it
// is the path of the first groups that are left out.
const Others = "others"

// Step is one level of a path.
type Step struct{ Level, Value string }

// Path leads to a group, coarse to fine. As text it is level=value with
// slashes between them; ASCII characters other than letters, digits and
// - . _ ~ : @ + are written as % and two hexadecimal digits, so that paths can
// be listed with commas between them and stand in URLs.
type Path []Step

// ParsePath reads a path. What follows the last group, "/others", is ignored.
func ParsePath(text string) (Path, error) {
	if len(text) > maxPathLength {
		return nil, fmt.Errorf("a path is longer than %d bytes", maxPathLength)
	}
	if text == Others {
		return nil, nil
	}
	parts := strings.Split(strings.TrimSuffix(text, "/"+Others), "/")
	if len(parts) > MaxLevels {
		return nil, fmt.Errorf("path %q has more than %d levels", clip(text), MaxLevels)
	}
	p := make(Path, 0, len(parts))
	for _, part := range parts {
		level, value, ok := strings.Cut(part, "=")
		if !ok || level == "" {
			return nil, fmt.Errorf("%q is not the path of a group; write for example host=paris/type=veth, or %s for all", clip(text), All)
		}
		var s Step
		var err error
		if s.Level, err = unescape(level); err != nil {
			return nil, fmt.Errorf("path %q: %w", clip(text), err)
		}
		if s.Value, err = unescape(value); err != nil {
			return nil, fmt.Errorf("path %q: %w", clip(text), err)
		}
		p = append(p, s)
	}
	return p, nil
}

// String returns the path as text.
func (p Path) String() string {
	var b []byte
	for i := range p {
		b = appendStep(b, p[i].Level, p[i].Value)
	}
	return string(b)
}

// appendStep appends one more level to the text of a path.
func appendStep(b []byte, level, value string) []byte {
	if len(b) > 0 {
		b = append(b, '/')
	}
	return appendEscaped(append(appendEscaped(b, level), '='), value)
}

const hexDigits = "0123456789ABCDEF"

func appendEscaped(b []byte, s string) []byte {
	valid := utf8.ValidString(s)
	for i := 0; i < len(s); i++ {
		if c := s[i]; plain(c) || c >= utf8.RuneSelf && valid {
			b = append(b, c)
		} else {
			b = append(b, '%', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return b
}

func plain(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~:@+", c) >= 0
}

func unescape(s string) (string, error) {
	if strings.IndexByte(s, '%') < 0 {
		return s, nil
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b = append(b, s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", fmt.Errorf("there are no two hexadecimal digits after %%")
		}
		hi, lo := digit(s[i+1]), digit(s[i+2])
		if hi < 0 || lo < 0 {
			return "", fmt.Errorf("there are no two hexadecimal digits after %%")
		}
		b = append(b, byte(hi<<4|lo))
		i += 2
	}
	return string(b), nil
}

func digit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// clip shortens what a message repeats.
func clip(s string) string {
	const most = 64
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
