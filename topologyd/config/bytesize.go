package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// ByteSize is a number of bytes that people write as 64MiB.
type ByteSize int64

// units from the largest: String picks the first that divides the value.
var units = [...]struct {
	suffix string
	factor int64
}{
	{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
	{"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"B", 1},
}

// String returns the size in the largest binary unit that divides it.
func (s *ByteSize) String() string {
	for _, u := range units[:3] {
		if v := int64(*s); v != 0 && v%u.factor == 0 {
			return strconv.FormatInt(v/u.factor, 10) + u.suffix
		}
	}
	return strconv.FormatInt(int64(*s), 10)
}

// Set parses a whole number with an optional unit.
func (s *ByteSize) Set(text string) error {
	number, factor := strings.TrimSpace(text), int64(1)
	for _, u := range units {
		if n, ok := strings.CutSuffix(number, u.suffix); ok {
			number, factor = strings.TrimSpace(n), u.factor
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/factor {
		return fmt.Errorf("%q is not a size; write a whole number of bytes, or one with KiB, MiB or GiB", text)
	}
	*s = ByteSize(n * factor)
	return nil
}

// Type names the kind of value in the help text.
func (s *ByteSize) Type() string { return "size" }
