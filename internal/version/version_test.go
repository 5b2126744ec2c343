package version

import (
	"runtime/debug"
	"strings"
	"testing"
)

func TestFrom(t *testing.T) {
	settings := []debug.BuildSetting{
		{Key: "vcs.revision", Value: "0123456789abcdef0123"},
		{Key: "vcs.time", Value: "2026-01-02T03:04:05Z"},
		{Key: "vcs.modified", Value: "true"},
	}
	for _, tc := range []struct {
		name string
		in   debug.BuildInfo
		want Info
	}{
		{"release", debug.BuildInfo{GoVersion: "go1.26.6", Main: debug.Module{Version: "v1.2.3"}},
			Info{Version: "v1.2.3", Go: "go1.26.6"}},
		{"test binary", debug.BuildInfo{GoVersion: "go1.26.6"}, Info{Version: Unknown, Go: "go1.26.6"}},
		{"work tree", debug.BuildInfo{GoVersion: "go1.26.6", Main: debug.Module{Version: "(devel)"}, Settings: settings},
			Info{Version: Unknown, Revision: "0123456789abcdef0123", Time: "2026-01-02T03:04:05Z", Modified: true, Go: "go1.26.6"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := from(&tc.in); got != tc.want {
				t.Errorf("from() = %+v, want %+v", got, tc.want)
			}
		})
	}
}

func TestInfoString(t *testing.T) {
	i := Info{Version: "v1.2.3", Revision: "0123456789abcdef", Modified: true, Go: "go1.26.6"}
	if got, want := i.String(), "v1.2.3 (commit 0123456789ab, modified) go1.26.6 "; !strings.HasPrefix(got, want) {
		t.Errorf("String() = %q, want it to start with %q", got, want)
	}
	if got, want := (Info{Version: Unknown, Go: "go1.26.6"}).String(), "devel go1.26.6 "; !strings.HasPrefix(got, want) {
		t.Errorf("String() = %q, want it to start with %q", got, want)
	}
}

func TestGet(t *testing.T) {
	if Get().Version == "" || String() == "" || Get().Go == "" {
		t.Errorf("Get() = %+v, want a version and a Go version", Get())
	}
}
