package metafile

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/skein-net/skein/internal/entity"
)

// FuzzParse looks for panics and for results that have no end.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "a = 1", "[a]\nb=c", "a: [1, {b: ~}]\n", `{"a":[1,null]}`, "a=\\u00e9\\\n b", "a: &a [*a]\n", "x: {<<: *y}", "[[a]]\nb=1979-05-27"} {
		f.Add(s, "a.b")
	}
	f.Fuzz(func(t *testing.T, data, path string) {
		for _, format := range []Format{JSON, TOML, YAML, INI, Properties} {
			v, err := Parse(format, []byte(data))
			if err != nil {
				continue
			}
			nodes, size := 0, 0
			measure(v, &nodes, &size)
			if nodes > maxNodes+1 {
				t.Fatalf("%s: %d values", format, nodes)
			}
			_ = check("x", Select(v, path))
		}
	})
}

// FuzzProperties writes a key and a value with all that needs an escape, and
// reads them back.
func FuzzProperties(f *testing.F) {
	f.Add("site.rack", "b12", false)
	f.Add(" #!=:\\", " \n\r\t\f\\ é😀", true)
	f.Fuzz(func(t *testing.T, key, value string, ascii bool) {
		if key == "" || !utf8.ValidString(key) || !utf8.ValidString(value) {
			t.Skip()
		}
		text := "# x\n" + escape(key, ascii) + " = " + escape(value, ascii) + "\nlast=1\n"
		v, err := parseProperties(text)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		want := entity.Attrs{entity.A(key, entity.String(value)), entity.A("last", entity.String("1"))}.Normalize()
		if !v.Map().Equal(want) {
			t.Errorf("%q is %v", text, v.Map())
		}
	})
}

func escape(s string, ascii bool) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n', r == '\r', ascii && (r < ' ' || r > '~'):
			if hi, lo := utf16.EncodeRune(r); hi != '\uFFFD' {
				fmt.Fprintf(&b, `\u%04x\u%04X`, hi, lo)
			} else {
				fmt.Fprintf(&b, `\u%04x`, r)
			}
		case strings.ContainsRune(" \t\f=:#!\\", r) && r != '\t' && r != '\f':
			b.WriteRune('\\')
			b.WriteRune(r)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\f':
			b.WriteString(`\f`)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// FuzzINI writes a section with a quoted value and reads it back.
func FuzzINI(f *testing.F) {
	f.Add("site", "rack", " b12 ; x ")
	f.Fuzz(func(t *testing.T, section, key, value string) {
		if section == "" || key == "" || strings.TrimSpace(section) != section || strings.TrimSpace(key) != key ||
			strings.ContainsAny(section, "]\r\n") || strings.ContainsAny(key, "=:\r\n") || strings.ContainsAny(key[:1], "[;#") ||
			strings.ContainsAny(value, "\"\r\n") {
			t.Skip()
		}
		text := fmt.Sprintf("; x\n[%s]\r\n%s = \"%s\" # x\n", section, key, value)
		v, err := parseINI(text)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		want := entity.Map(entity.Attrs{entity.A(section, entity.Map(entity.Attrs{entity.A(key, entity.String(value))}))})
		if !v.Equal(want) {
			t.Errorf("%q is %v", text, v.Map())
		}
	})
}
