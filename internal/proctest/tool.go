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
