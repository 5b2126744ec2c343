package metafile

import (
	"fmt"
	"strings"

	"github.com/skein-net/skein/internal/entity"
)

// parseINI reads sections of keys:
//
//	key = value          ; comment
//	[section]
//	key: "value ; text"  # comment
//
// A comment begins a line, or follows white space after a value. A value may
// stand in single or double quotes, within which nothing has a meaning. Of a
// key that is there twice the later value counts; sections of one name are
// one. Keys before the first section are at the top.
func parseINI(text string) (entity.Value, error) {
	var names []string
	sections := map[string]entity.Attrs{"": nil}
	section := ""
	for number, line := range lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case line == "", line[0] == ';', line[0] == '#':
			continue
		case line[0] == '[':
			name, rest, closed := strings.Cut(line[1:], "]")
			name, rest = strings.TrimSpace(name), strings.TrimSpace(rest)
			if !closed || name == "" || rest != "" && rest[0] != ';' && rest[0] != '#' {
				return entity.Value{}, fmt.Errorf("parse INI: line %d: not a section header", number)
			}
			if _, known := sections[name]; !known {
				sections[name] = nil
				names = append(names, name)
			}
			section = name
			continue
		}
		end := strings.IndexAny(line, "=:")
		if end < 0 {
			return entity.Value{}, fmt.Errorf("parse INI: line %d: no '=' or ':'", number)
		}
		key := strings.TrimSpace(line[:end])
		if key == "" {
			return entity.Value{}, fmt.Errorf("parse INI: line %d: no key", number)
		}
		value, err := iniValue(strings.TrimSpace(line[end+1:]))
		if err != nil {
			return entity.Value{}, fmt.Errorf("parse INI: line %d: %w", number, err)
		}
		sections[section] = append(sections[section], entity.A(key, entity.String(value)))
	}
	doc := sections[""].Normalize()
	top := len(doc)
	for _, name := range names {
		if doc[:top].Has(name) {
			return entity.Value{}, fmt.Errorf("parse INI: %q is both a key and a section", name)
		}
		doc = append(doc, entity.A(name, entity.Map(sections[name].Normalize())))
	}
	return entity.Map(doc.Normalize()), nil
}

// iniValue takes quotes and a comment off a value.
func iniValue(s string) (string, error) {
	if s != "" && (s[0] == '"' || s[0] == '\'') {
		value, rest, closed := strings.Cut(s[1:], s[:1])
		rest = strings.TrimSpace(rest)
		switch {
		case !closed:
			return "", fmt.Errorf("no closing %s", s[:1])
		case rest != "" && rest[0] != ';' && rest[0] != '#':
			return "", fmt.Errorf("text after the closing %s", s[:1])
		}
		return value, nil
	}
	for i := range len(s) {
		if (s[i] == ';' || s[i] == '#') && (i == 0 || s[i-1] == ' ' || s[i-1] == '\t') {
			s = s[:i]
			break
		}
	}
	return strings.TrimSpace(s), nil
}
