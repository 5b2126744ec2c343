package diff

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Selection chooses keys. The zero value is all attributes, @Host and @Origin.
type Selection struct{ with, without []string }

// Bounds of a selection.
const (
	maxKeys      = 100
	maxKeyLength = 1000
)

// everything is what stands for all keys but revision numbers and times.
const everything = "*"

// ParseSelection reads a selection: keys with commas between them. A key
// chooses itself and, when it is a map, what is inside it; one after a minus
// sign is left out; * is everything that an empty text chooses. @CreatedAt,
// @UpdatedAt and @Revision count only when they are named.
func ParseSelection(text string) (Selection, error) {
	var s Selection
	if strings.TrimSpace(text) == "" {
		return s, nil
	}
	for _, key := range strings.Split(text, ",") {
		key = strings.TrimSpace(key)
		name, out := strings.CutPrefix(key, "-")
		switch {
		case name == "":
			return Selection{}, errors.New("there is an empty key; write for example MTU,State or -Neighbors")
		case len(name) > maxKeyLength:
			return Selection{}, fmt.Errorf("a key is longer than %d bytes", maxKeyLength)
		case out:
			s.without = append(s.without, name)
		default:
			s.with = append(s.with, name)
		}
	}
	if len(s.with)+len(s.without) > maxKeys {
		return Selection{}, fmt.Errorf("there are more than %d keys", maxKeys)
	}
	return s, nil
}

// covers reports whether changes of a key count.
func (s *Selection) covers(key string) bool {
	if slices.ContainsFunc(s.without, func(x string) bool { return below(key, x) }) {
		return false
	}
	return len(s.with) == 0 || slices.ContainsFunc(s.with, func(x string) bool { return x == everything || below(key, x) })
}

// names reports whether a key is chosen by its own name.
func (s *Selection) names(key string) bool { return slices.Contains(s.with, key) }

// reaches reports whether something inside a key is chosen.
func (s *Selection) reaches(key string) bool {
	return slices.ContainsFunc(s.with, func(x string) bool { return x != key && below(x, key) })
}

// below reports whether a key is another one or inside it.
func below(key, of string) bool {
	rest, ok := strings.CutPrefix(key, of)
	return ok && (rest == "" || rest[0] == '.')
}
