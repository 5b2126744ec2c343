package metafile

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/skein-net/skein/internal/entity"
)

// Format is how a file is written.
type Format string

// The formats that [Parse] reads.
const (
	JSON       Format = "json"
	TOML       Format = "toml"
	YAML       Format = "yaml"
	INI        Format = "ini"
	Properties Format = "properties"
)

// FormatOf returns the format that the extension of a path stands for.
func FormatOf(path string) (f Format, ok bool) {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".json":
		return JSON, true
	case ".toml":
		return TOML, true
	case ".yaml", ".yml":
		return YAML, true
	case ".ini", ".cfg":
		return INI, true
	case ".properties":
		return Properties, true
	}
	return "", false
}

func (f Format) valid() bool {
	switch f {
	case JSON, TOML, YAML, INI, Properties:
		return true
	}
	return false
}

var errNotUTF8 = errors.New("not valid UTF-8")

// Parse reads a whole file. The result is a value as the file has it: a map in
// all formats, in JSON and YAML possibly a list or a scalar, and in an empty
// YAML file none. Values of ini and properties files are strings. Of several
// YAML documents the first is read. A byte order mark is skipped; text is
// UTF-8, in properties files that are not UTF-8 it is Latin-1.
func Parse(f Format, data []byte) (entity.Value, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	text := string(data)
	if !utf8.Valid(data) {
		if f != Properties {
			return entity.Value{}, errNotUTF8
		}
		text = fromLatin1(data)
	}
	switch f {
	case JSON:
		return parseJSON(text)
	case TOML:
		return parseTOML(text)
	case YAML:
		return parseYAML(data)
	case INI:
		return parseINI(text)
	case Properties:
		return parseProperties(text)
	}
	return entity.Value{}, fmt.Errorf("unknown format %q", string(f))
}

// fromLatin1 decodes ISO 8859-1, in which each byte is a code point.
func fromLatin1(data []byte) string {
	var b strings.Builder
	b.Grow(len(data) + len(data)/4)
	for _, c := range data {
		b.WriteRune(rune(c))
	}
	return b.String()
}

// Bounds of a parsed document. An alias of a few bytes can stand for a large
// part of a YAML file, so the size of the file is no bound.
const (
	maxNodes   = 1 << 20
	maxNesting = 64
)

// counter counts the values of a document.
type counter struct{ nodes int }

func (c *counter) add(depth int) error {
	c.nodes++
	switch {
	case c.nodes > maxNodes:
		return fmt.Errorf("more than %d values", maxNodes)
	case depth > maxNesting:
		return fmt.Errorf("nested more than %d deep", maxNesting)
	}
	return nil
}
