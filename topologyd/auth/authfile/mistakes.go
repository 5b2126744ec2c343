package authfile

import (
	"errors"
	"fmt"
	"regexp"
	"time"

	"gopkg.in/yaml.v3"
)

// unknownField, wrongType and duplicate are how yaml.v3 words mistakes.
var (
	unknownField = regexp.MustCompile(`^line (\d+): field ([a-z0-9_]{1,24}) not found`)
	wrongType    = regexp.MustCompile(`^line (\d+): cannot unmarshal`)
	anyLine      = regexp.MustCompile(`line (\d+):`)
)

// plain words a mistake without what stands in the file, which may be a token that
// somebody wrote where its hash belongs.
func plain(err error) error {
	text := err.Error()
	var typ *yaml.TypeError
	if errors.As(err, &typ) && len(typ.Errors) > 0 {
		text = typ.Errors[0]
	}
	var when *time.ParseError
	if errors.As(err, &when) {
		return errors.New("what stands behind an expires is no time; give for example 2027-01-01T00:00:00Z")
	}
	if m := unknownField.FindStringSubmatch(text); m != nil {
		return fmt.Errorf("line %s: there is no field %s; docs/security.md has them all", m[1], m[2])
	}
	if m := wrongType.FindStringSubmatch(text); m != nil {
		return fmt.Errorf("line %s: what stands there has the wrong form; docs/security.md has an example of each field", m[1])
	}
	if m := anyLine.FindStringSubmatch(text); m != nil {
		return fmt.Errorf("line %s: this is no YAML, or a field that is not known or there twice; indent by spaces", m[1])
	}
	return errors.New("it is no YAML; see docs/security.md for its form")
}
