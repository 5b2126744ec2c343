package query

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// All is what Grafana writes for the value "All" of a variable.
const All = "$__all"

// Strings is a list of texts; as JSON also one text with commas in it, so that
// a variable of the dashboard can be given for it. Empty texts are left out.
type Strings []string

// UnmarshalJSON implements [json.Unmarshaler].
func (s *Strings) UnmarshalJSON(b []byte) error {
	*s = nil
	if b = bytes.TrimSpace(b); bytes.Equal(b, []byte("null")) {
		return nil
	}
	var one string
	if json.Unmarshal(b, &one) == nil {
		*s = split(one)
		return nil
	}
	var list []string
	if err := json.Unmarshal(b, &list); err != nil {
		return fmt.Errorf("%.40s is neither a list of texts nor one text", b)
	}
	for _, t := range list {
		if t = strings.TrimSpace(t); t != "" && t != All {
			*s = append(*s, t)
		}
	}
	return nil
}

// Int is a whole number; as JSON also a text that holds one.
type Int int

// UnmarshalJSON implements [json.Unmarshaler].
func (n *Int) UnmarshalJSON(b []byte) error {
	text := string(bytes.TrimSpace(b))
	if unquoted := strings.Trim(text, `"`); unquoted != text {
		text = strings.TrimSpace(unquoted)
	}
	*n = 0
	if text == "" || text == "null" {
		return nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > math.MaxInt32 {
		return fmt.Errorf("%.40s is not a whole number", b)
	}
	*n = Int(f)
	return nil
}

// split cuts a text at commas. Braces as Grafana puts around several values of
// a variable are taken off.
func split(text string) []string {
	text = strings.TrimSpace(text)
	if rest, ok := strings.CutPrefix(text, "{"); ok && strings.HasSuffix(rest, "}") {
		text = rest[:len(rest)-1]
	}
	var out []string
	for t := range strings.SplitSeq(text, ",") {
		if t = strings.TrimSpace(t); t != "" && t != All {
			out = append(out, t)
		}
	}
	return out
}
