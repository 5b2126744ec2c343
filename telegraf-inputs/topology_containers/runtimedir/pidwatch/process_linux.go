package pidwatch

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// Alive reports whether a process is there and no zombie, and is the one that
// started at a time in clock ticks; 0: whichever.
func Alive(procDir string, pid int, ticks uint64) bool {
	b, err := os.ReadFile(filepath.Join(procDir, strconv.Itoa(pid), "stat"))
	if err != nil {
		return false
	}
	// proc_pid_stat(5): the name in parentheses may hold anything. Behind it come
	// the fields from the third on.
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	const state, start = 0, 22 - 3
	if len(fields) <= start {
		return false
	}
	if s := fields[state][0]; s == 'Z' || s == 'X' {
		return false
	}
	return ticks == 0 || string(fields[start]) == strconv.FormatUint(ticks, 10)
}

// OwnedBy reports whether a process is in a user namespace that a user made:
// one that is not root's cannot have another's process for his container.
func OwnedBy(procDir string, pid int, uid uint32) bool {
	f, err := os.Open(filepath.Join(procDir, strconv.Itoa(pid), "ns/user"))
	if err != nil {
		return false
	}
	defer f.Close() //nolint:errcheck // nothing was written
	owner, err := unix.IoctlGetUint32(int(f.Fd()), unix.NS_GET_OWNER_UID)
	return err == nil && owner == uid
}
