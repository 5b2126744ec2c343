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

// stamp tells versions of a file apart.
type stamp struct {
	size     int64
	modified time.Time
	mode     fs.FileMode
}

// errSame tells that a file is the version that was read.
var errSame = errors.New("file did not change")

// load reads a file unless it is the version of a stamp.
func load(path string, last stamp, maxBytes int64, now time.Time) ([]byte, stamp, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, stamp{}, err // with the path
	}
	s := stamp{info.Size(), info.ModTime(), info.Mode()}
	if s == last {
		return nil, s, errSame
	}
	if now.Sub(s.modified) < fresh {
		s = stamp{} // look again
	}
	data, err := ReadFile(path, maxBytes)
	return data, s, err
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
