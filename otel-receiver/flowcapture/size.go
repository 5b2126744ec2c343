package flowcapture

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// Size is an amount of memory in bytes, written as a number or with a unit: KiB,
// MiB or GiB.
type Size int64

// sizeUnits are the units, the largest first.
func sizeUnits() []string { return []string{"GiB", "MiB", "KiB"} }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (s *Size) UnmarshalText(text []byte) error {
	number, shift := strings.TrimSpace(string(text)), 0
	for i, unit := range sizeUnits() {
		if rest, ok := strings.CutSuffix(number, unit); ok {
			number, shift = strings.TrimSpace(rest), 30-10*i
			break
		}
	}
	n, err := strconv.ParseUint(number, 10, 63)
	if err != nil || bits.Len64(n)+shift > 63 {
		return fmt.Errorf("%q is no amount of memory; want for example 512MiB", text)
	}
	*s = Size(n << shift)
	return nil
}

// String returns the shortest exact form.
func (s Size) String() string {
	for i, unit := range sizeUnits() {
		if shift := 30 - 10*i; s > 0 && s&(1<<shift-1) == 0 {
			return strconv.FormatInt(int64(s)>>shift, 10) + unit
		}
	}
	return strconv.FormatInt(int64(s), 10)
}
