package openflow

import (
	"fmt"
	"strings"
)

// Version is a version of the protocol as it stands in the header.
type Version uint8

// The versions that are known. Their numbers are those on the wire.
const (
	V10 Version = iota + 1
	V11
	V12
	V13
	V14
	V15
)

// String names a version as ovs-ofctl's option -O does: OpenFlow13.
func (v Version) String() string {
	if v < V10 || v > V15 {
		return fmt.Sprintf("OpenFlow(0x%02x)", uint8(v))
	}
	return fmt.Sprintf("OpenFlow1%d", v-V10)
}

// Known says whether the version is one of 1.0 to 1.5.
func (v Version) Known() bool { return v >= V10 && v <= V15 }

// ParseVersion reads "OpenFlow13" or "1.3", in any case.
func ParseVersion(s string) (Version, error) {
	t := strings.TrimPrefix(strings.ToLower(s), "openflow")
	t = strings.Replace(t, ".", "", 1)
	if len(t) == 2 && t[0] == '1' && t[1] >= '0' && t[1] <= '5' {
		return V10 + Version(t[1]-'0'), nil
	}
	return 0, fmt.Errorf("%q is not a version of OpenFlow from 1.0 to 1.5", s)
}

// Versions is a set of versions; bit n stands for the version numbered n on the
// wire, as in HELLO's bitmap (OpenFlow 1.3.1, 7.5.1).
type Versions uint32

// AllVersions are 1.0 to 1.5.
const AllVersions Versions = 1<<V10 | 1<<V11 | 1<<V12 | 1<<V13 | 1<<V14 | 1<<V15

// VersionsOf makes a set.
func VersionsOf(list ...Version) Versions {
	var s Versions
	for _, v := range list {
		if v < 32 {
			s |= 1 << v
		}
	}
	return s
}

// Has says whether v is in the set.
func (s Versions) Has(v Version) bool { return v < 32 && s&(1<<v) != 0 }

// Highest is the highest known version in the set, 0 if there is none.
func (s Versions) Highest() Version {
	for v := V15; v >= V10; v-- {
		if s.Has(v) {
			return v
		}
	}
	return 0
}

// String lists the set: OpenFlow10,OpenFlow13.
func (s Versions) String() string {
	var names []string
	for v := Version(0); v < 32; v++ {
		if s.Has(v) {
			names = append(names, v.String())
		}
	}
	return strings.Join(names, ",")
}

// Negotiate is the version to speak when we offer ours and the peer's HELLO
// offered theirs: the highest of both. 0 means that there is none.
func Negotiate(ours, theirs Versions) Version { return (ours & theirs).Highest() }
