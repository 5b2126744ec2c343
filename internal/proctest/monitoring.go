package proctest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Tool returns the path of a program that is not of this project: from build/tools,
// which make setup fills, else from the PATH. The test skips where there is none.
func Tool(t testing.TB, name string) string {
	t.Helper()
	if root := moduleRoot(); root != "" {
		path := filepath.Join(root, "build", "tools", name)
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skip("no ", name, " here; make setup gets it")
	}
	return path
}

// moduleRoot returns the folder of go.mod, above the folder of the test.
func moduleRoot() string {
	dir, err := os.Getwd()
	for err == nil {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if filepath.Dir(dir) == dir {
			return ""
		}
		dir = filepath.Dir(dir)
	}
	return ""
}

// StartAlertmanager starts Prometheus' Alertmanager. Debian's wants its templates in
// /usr/share: where they are not, it gets a /usr/share of its own, in namespaces.
func StartAlertmanager(t testing.TB, args ...string) *Process {
	t.Helper()
	path := Tool(t, "prometheus-alertmanager")
	share := filepath.Join(filepath.Dir(path), "share")
	if _, err := os.Stat(filepath.Join(share, "prometheus")); err != nil {
		return Start(t, path, nil, args...)
	}
	inside := []string{"--mount", "--propagation", "private"}
	if os.Geteuid() != 0 {
		inside = append(inside, "--user", "--map-root-user")
	}
	inside = append(inside, "sh", "-c", `mount --bind "$0" /usr/share && exec "$@"`, share, path)
	return Start(t, "unshare", nil, append(inside, args...)...)
}
