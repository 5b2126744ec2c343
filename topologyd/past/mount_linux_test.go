package past

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// mount puts a small file system over a directory for the test.
func mount(t *testing.T, dir, options string) {
	t.Helper()
	flags := uintptr(0)
	if options == "ro" {
		flags, options = syscall.MS_RDONLY, ""
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", flags, options); err != nil {
		t.Skip("cannot mount a file system here: ", err)
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
}
