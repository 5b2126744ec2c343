package confile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// fresh is how old a file has to be for its time to tell whether it changed: two
// writes may fall into one tick of the file system's clock.
const fresh = 2 * time.Second

// errSame tells that a file is the version that was read.
var errSame = errors.New("file did not change")

// load reads a file unless it is the version that last is of; nil: of none. good
// tells that some version was of use. The version returned is nil when the file is
// to be looked at again whatever it is like then.
func load(path string, last fs.FileInfo, good bool, maxBytes int64, now time.Time) ([]byte, fs.FileInfo, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, err // with the path
	}
	age := now.Sub(info.ModTime())
	switch {
	case last != nil && same(last, info):
		return nil, last, errSame
	case good && info.Size() == 0 && age.Abs() < fresh: // just emptied, so as to be written
		return nil, nil, errSame
	}
	data, err := ReadFile(path, maxBytes)
	if err != nil || age < fresh {
		info = nil
	}
	return data, info, err
}

// same reports whether a file is as it was, and not another one in its place, which
// may be as long and as old.
func same(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime()) && a.Mode() == b.Mode()
}

// ReadFile reads a regular file of at most so many bytes.
func ReadFile(path string, maxBytes int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no file; give a pattern such as %s", path, filepath.Join(path, "*.yaml"))
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	b, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > maxBytes {
		return nil, fmt.Errorf("it has more than %d bytes", maxBytes)
	}
	return b, nil
}
