// Package files reads small files that others write, of whom not all are to be
// trusted. It must never wait, and never write.
package files

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Anyone is a user whose files may be anybody's.
const Anyone = -1

// Stamp tells whether a file is the same as before.
type Stamp struct {
	inode uint64
	size  int64
	mtime time.Time
}

// StampOf returns the stamp of the file at path.
func StampOf(path string) (Stamp, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Stamp{}, err
	}
	st := Stamp{size: info.Size(), mtime: info.ModTime()}
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		st.inode = sys.Ino
	}
	return st, nil
}

// OwnerOf returns the user to whom a file belongs.
func OwnerOf(info os.FileInfo) int64 {
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		return int64(sys.Uid)
	}
	return Anyone
}

// Trust returns whose files are believed in a directory: anybody's where only
// root and we ourselves decide what is in it and where its path leads, else only
// those of the user who can. A user may lead a path of his own to what is root's
// and has the directories of others.
func Trust(dir string) (owner int64, err error) {
	info, err := os.Stat(dir)
	if err != nil {
		return 0, err
	}
	owner = Anyone
	decides := func(info os.FileInfo) {
		if uid := OwnerOf(info); uid > 0 && uid != int64(os.Geteuid()) {
			owner = uid
		}
	}
	decides(info)
	for at := filepath.Clean(dir); at != filepath.Dir(at); at = filepath.Dir(at) {
		link, err := os.Lstat(at)
		if err != nil {
			return 0, err
		}
		decides(link)
	}
	if owner == Anyone && info.Mode().Perm()&0o022 != 0 {
		owner = OwnerOf(info)
	}
	return owner, nil
}

// Read reads a regular file of at most limit bytes. It never waits: what is
// no regular file (a FIFO, a device) is an error, as is a file of another user
// than owner.
func Read(path string, limit, owner int64) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // nothing was written
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("read %s: not a regular file", path)
	}
	if owner != Anyone && OwnerOf(info) != owner {
		return nil, fmt.Errorf("read %s: %w", path, os.ErrPermission)
	}
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("read %s: longer than %d bytes", path, limit)
	}
	return b, nil
}
