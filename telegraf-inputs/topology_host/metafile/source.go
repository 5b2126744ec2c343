package metafile

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/skein-net/skein/internal/entity"
)

// maxFileSize is the largest file that is read, in bytes.
const maxFileSize = 1 << 20

// source is one file and what to take out of it.
type source struct {
	path   string
	format Format
	files  []File // of this path and format

	// stat is how the file looked when it was read last, nil when it was not
	// there. outcome is what the reading gave.
	stat    fs.FileInfo
	outcome outcome
	broken  bool
	missing bool

	// due is when to read again, zero for never; first is when that was first
	// asked for.
	due, first time.Time
}

// outcome is what reading a file gave: content, or an error in words. Equal
// outcomes need no second look.
type outcome struct {
	done bool
	sum  [sha256.Size]byte
	err  string
}

// readFile returns the content of a regular file within the bound of size,
// and how the file looked before it was read.
func readFile(path string) (data []byte, stat fs.FileInfo, err error) {
	stat, err = os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	if !stat.Mode().IsRegular() {
		return nil, stat, errors.New("not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, stat, err
	}
	defer f.Close() //nolint:errcheck // it was only read from
	data, err = io.ReadAll(io.LimitReader(f, maxFileSize+1))
	if err != nil {
		return nil, stat, err
	}
	if len(data) > maxFileSize {
		return nil, stat, fmt.Errorf("more than %d bytes", maxFileSize)
	}
	return data, stat, nil
}

// isMissing reports whether err says that there is no such file. A name with
// something other than a directory on the way is none either.
func isMissing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// looksChanged reports whether the file is not the one that was read, as far
// as can be told without reading it.
func (s *source) looksChanged() bool {
	now, err := os.Stat(s.path)
	if err != nil || s.stat == nil {
		return (err == nil) != (s.stat != nil)
	}
	return !os.SameFile(now, s.stat) || now.Size() != s.stat.Size() || !now.ModTime().Equal(s.stat.ModTime()) || now.Mode() != s.stat.Mode()
}

// change is the result of one reading that differed from the one before.
type change struct {
	// values are by name; a value of kind none is gone. Names that are not in
	// here stay as they are.
	values  map[string]entity.Value
	errs    []error
	missing bool
}

// read reads the file. It returns nil when nothing changed since the last
// time.
func (s *source) read() *change {
	data, stat, err := readFile(s.path)
	s.stat = stat
	out := outcome{done: true}
	if err != nil {
		out.err = err.Error()
	} else {
		out.sum = sha256.Sum256(data)
	}
	if out == s.outcome {
		return nil
	}
	s.outcome = out

	c := &change{values: make(map[string]entity.Value, len(s.files))}
	if isMissing(err) {
		c.missing = true
		for i := range s.files {
			c.values[s.files[i].Name] = entity.Value{}
		}
		return c
	}
	var doc entity.Value
	if err == nil {
		doc, err = Parse(s.format, data)
	}
	if err != nil {
		c.errs = append(c.errs, err)
		return c
	}
	for i := range s.files {
		f := &s.files[i]
		v := Select(doc, f.Selector)
		if !v.IsZero() {
			if err := check(f.Name, v); err != nil {
				c.errs = append(c.errs, fmt.Errorf("value of %q for %s: %w", f.Selector, f.Name, err))
				continue
			}
		}
		c.values[f.Name] = v
	}
	return c
}

// ask makes the file due when it has been left alone for the debounce time.
func (s *source) ask(now time.Time, debounce time.Duration) {
	if s.due.IsZero() {
		s.first = now
	}
	s.due = now.Add(debounce)
	if latest := s.first.Add(10 * debounce); s.due.After(latest) {
		s.due = latest
	}
}
