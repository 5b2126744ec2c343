package main

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/skein-net/skein/internal/entity"
)

// appendYAML appends a value as a YAML document.
func appendYAML(b []byte, v entity.Value) []byte {
	b = appendNode(b, v, 0)
	if b[len(b)-1] != '\n' {
		b = append(b, '\n')
	}
	return b
}

// appendNode appends a value that begins at column indent of its line.
func appendNode(b []byte, v entity.Value, indent int) []byte {
	switch {
	case v.Kind() == entity.KindList && len(v.List()) > 0:
		for i, e := range v.List() {
			if i > 0 {
				b = pad(b, indent)
			}
			b = append(b, "- "...)
			b = endLine(appendNode(b, e, indent+2))
		}
		return b
	case v.Kind() == entity.KindMap && len(v.Map()) > 0:
		for i, a := range v.Map() {
			if i > 0 {
				b = pad(b, indent)
			}
			b = append(appendScalar(b, a.Key), ':')
			if isBlock(a.Value) {
				in := indent
				if a.Value.Kind() == entity.KindMap {
					in += 2
				}
				b = pad(append(b, '\n'), in)
				b = appendNode(b, a.Value, in)
			} else {
				b = appendNode(append(b, ' '), a.Value, 0)
			}
			b = endLine(b)
		}
		return b
	case v.Kind() == entity.KindString:
		return appendScalar(b, v.Str())
	default:
		return v.AppendJSON(b) // every JSON scalar is one of YAML, and so are [] and {}
	}
}

func isBlock(v entity.Value) bool { return len(v.List()) > 0 || len(v.Map()) > 0 }

func endLine(b []byte) []byte {
	if b[len(b)-1] != '\n' {
		b = append(b, '\n')
	}
	return b
}

func pad(b []byte, n int) []byte { return append(b, bytes.Repeat([]byte{' '}, n)...) }

// appendScalar appends a string, in quotes unless it is surely read as one
// without.
func appendScalar(b []byte, s string) []byte {
	if plainYAML(s) {
		return append(b, s...)
	}
	return entity.AppendJSONString(b, s)
}

// plainYAML reports whether a string may stand without quotes: it begins with
// a letter, has no character that means something to YAML, and is none of the
// words that do (YAML 1.2, 7.3.3, and the words of 1.1).
func plainYAML(s string) bool {
	if s == "" || s[len(s)-1] == ' ' || s[len(s)-1] == ':' {
		return false
	}
	for i, r := range s {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z':
		case i > 0 && (r >= '0' && r <= '9' || strings.ContainsRune("_-./@+()", r)):
		case i > 0 && r == ' ' && s[i+1] != '#' && s[i-1] != ' ':
		default:
			return false
		}
	}
	switch strings.ToLower(s) {
	case "null", "true", "false", "yes", "no", "on", "off", "y", "n":
		return false
	}
	_, err := strconv.ParseFloat(s, 64) // inf, nan, infinity
	return err != nil
}
