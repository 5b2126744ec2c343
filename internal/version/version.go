// Package version tells which version of Skein a binary was built from. It
// reads what the Go toolchain recorded in the binary and nothing else, so that
// every build uses the same flags and shares one build cache.
package version

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

// Unknown is the version of a binary that carries no build information, for
// example a test binary.
const Unknown = "devel"

// Info is what a binary knows about its own build.
type Info struct {
	// Version is the module version, for example "v0.4.0" or a pseudo-version;
	// Unknown when there is none.
	Version string
	// Revision is the commit, "" when it was not recorded.
	Revision string
	// Time is the commit's time in RFC 3339, "" when it was not recorded.
	Time string
	// Modified tells that the work tree had changes that were not committed.
	Modified bool
	// Go is the version of the Go toolchain.
	Go string
}

// Get returns the build information of the running binary. It may be called
// at any time from any goroutine.
func Get() Info {
	bi, ok := debug.ReadBuildInfo()
	if !ok {
		return Info{Version: Unknown, Go: runtime.Version()}
	}
	return from(bi)
}

func from(bi *debug.BuildInfo) Info {
	info := Info{Version: bi.Main.Version, Go: bi.GoVersion}
	if info.Version == "" || info.Version == "(devel)" {
		info.Version = Unknown
	}
	for _, s := range bi.Settings {
		switch s.Key {
		case "vcs.revision":
			info.Revision = s.Value
		case "vcs.time":
			info.Time = s.Value
		case "vcs.modified":
			info.Modified = s.Value == "true"
		}
	}
	return info
}

// String returns one line for people: version, commit, platform.
func (i Info) String() string {
	var b strings.Builder
	b.WriteString(i.Version)
	if rev := i.Revision; rev != "" {
		if len(rev) > 12 {
			rev = rev[:12]
		}
		fmt.Fprintf(&b, " (commit %s", rev)
		if i.Modified {
			b.WriteString(", modified")
		}
		b.WriteString(")")
	}
	fmt.Fprintf(&b, " %s %s/%s", i.Go, runtime.GOOS, runtime.GOARCH)
	return b.String()
}

// String returns the version alone, for example for a User-Agent or a metric.
func String() string { return Get().Version }
