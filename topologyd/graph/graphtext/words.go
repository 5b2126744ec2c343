package graphtext

import (
	"errors"
	"fmt"
	"strings"

	"github.com/skein-net/skein/internal/entity"
)

// Attrs reads words of the form KEY=VALUE. The result is sorted by key.
func Attrs(words []string) (entity.Attrs, error) {
	var out entity.Attrs
	for _, word := range words {
		key, text, ok := strings.Cut(word, "=")
		if !ok || key == "" {
			return nil, fmt.Errorf("%q is not KEY=VALUE", word)
		}
		v, err := entity.ParseJSON(text)
		if err != nil {
			if strings.ContainsAny(text, `"[]{}`) {
				return nil, err
			}
			v = entity.String(text)
		}
		out = append(out, entity.A(key, v))
	}
	return out.Normalize(), nil
}

// Words splits a line at spaces and tabs that are not inside JSON strings, lists or maps.
func Words(s string) ([]string, error) {
	var words []string
	start, depth, quoted := 0, 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			depth++
		case c == ']' || c == '}':
			depth--
		case (c == ' ' || c == '\t') && depth == 0:
			if i > start {
				words = append(words, s[start:i])
			}
			start = i + 1
		}
	}
	if quoted || depth != 0 {
		return nil, errors.New("unbalanced quotes or brackets")
	}
	if start < len(s) {
		words = append(words, s[start:])
	}
	return words, nil
}
