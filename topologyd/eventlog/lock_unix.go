//go:build unix

package eventlog

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
)

const lockHint = "see that this user can write there and that there is room, or give another directory with --data-dir"

// lockFile takes an exclusive lock that ends with the process, and writes its
// number into the file for people.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, fmt.Errorf("lock data directory: %w; %s", err, lockHint)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		b, _ := os.ReadFile(path)
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock data directory: %s is held by process %s; stop it, or use another --data-dir", path, strings.TrimSpace(string(b)))
		}
		return nil, fmt.Errorf("lock data directory: %w", err)
	}
	err = f.Truncate(0)
	if err == nil {
		_, err = fmt.Fprintln(f, os.Getpid())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock data directory: %w; %s", err, lockHint), f.Close())
	}
	return f, nil
}
