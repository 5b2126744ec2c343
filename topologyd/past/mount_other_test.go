//go:build !linux

package past

import "testing"

func mount(t *testing.T, _, _ string) {
	t.Helper()
	t.Skip("a file system for the test can be mounted on Linux only")
}
