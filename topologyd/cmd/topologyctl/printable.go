package main

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// printable returns s with control characters written as escapes: names come
// from the network, and a terminal obeys them. lines keeps line breaks.
func printable(s string, lines bool) string {
	bad := func(r rune) bool { return !unicode.IsPrint(r) && !(lines && r == '\n') }
	if strings.IndexFunc(s, bad) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if !bad(r) {
			b.WriteRune(r)
			continue
		}
		q := strconv.QuoteRune(r)
		b.WriteString(q[1 : len(q)-1])
	}
	return b.String()
}

// printableJSON is printable for JSON, indented or not, and for YAML: what
// stands for itself only within strings becomes an escape that both read.
func printableJSON(b []byte) []byte {
	bad := func(r rune) bool { return r >= 0x7f && r <= 0xffff && r != utf8.RuneError && !unicode.IsPrint(r) }
	if bytes.IndexFunc(b, bad) < 0 {
		return b
	}
	out := make([]byte, 0, len(b)+64)
	for _, r := range string(b) {
		if bad(r) {
			out = fmt.Appendf(out, `\u%04x`, r)
		} else {
			out = utf8.AppendRune(out, r)
		}
	}
	return out
}
