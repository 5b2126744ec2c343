package joins

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// maxFile bounds one file.
const maxFile = 1 << 20

// fresh is how old a file has to be for its time to tell whether it changed: two
// writes may fall into one tick of the file system's clock.
const fresh = 2 * time.Second

// files follows the files of rows. It is for one goroutine.
type files struct {
	patterns []string
	log      *slog.Logger
	byPath   map[string]*file
}

// file is one file, as it was when it could last be read.
type file struct {
	path  string
	stamp stamp
	specs []Spec
	// good tells that specs are what some version of the file said.
	good bool
	// problem is why the present version cannot be used, "" when it can; failed
	// since when.
	problem string
	failed  time.Time
}

// stamp tells versions of a file apart.
type stamp struct {
	size     int64
	modified time.Time
	mode     fs.FileMode
}

func newFiles(patterns []string, log *slog.Logger) *files {
	return &files{patterns: patterns, log: log, byPath: make(map[string]*file)}
}

// read looks at all files and reads those that changed. It reports whether
// anything is different now.
func (f *files) read(now time.Time) (changed bool) {
	present := make(map[string]bool)
	for _, pattern := range f.patterns {
		paths, named := []string{pattern}, true // one that is named has to be there
		if strings.ContainsAny(pattern, `*?[\`) {
			named = false
			paths, _ = filepath.Glob(pattern) // a malformed one has failed in checkPattern
		}
		for _, path := range paths {
			if _, err := os.Stat(path); present[path] || !named && errors.Is(err, fs.ErrNotExist) {
				continue // seen, or gone since
			}
			present[path] = true
			x := f.byPath[path]
			if x == nil {
				x = &file{path: path}
				f.byPath[path] = x
			}
			changed = f.refresh(x, now) || changed
		}
	}
	for path, x := range f.byPath {
		if present[path] {
			continue
		}
		// A directory that cannot be read names no files; that is not their end.
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			changed = f.refresh(x, now) || changed
			continue
		}
		f.log.Info("file of joins is gone, and so are its rows", "file", path)
		delete(f.byPath, path)
		changed = true
	}
	return changed
}

// refresh reads a file when it changed.
func (f *files) refresh(x *file, now time.Time) (changed bool) {
	specs, s, err := load(x.path, x.stamp, now)
	if errors.Is(err, errSame) {
		return false
	}
	if err != nil {
		x.stamp = s
		if text := err.Error(); text != x.problem {
			x.problem, x.failed = text, now
			f.log.Error("file of joins cannot be used; the rows that it had before stay", "file", x.path, "error", err)
			return true
		}
		return false
	}
	if x.problem != "" {
		f.log.Info("file of joins can be used again", "file", x.path, "rows", len(specs))
	}
	changed = !x.good || x.problem != "" || !slices.EqualFunc(x.specs, specs, equalSpecs)
	*x = file{path: x.path, stamp: s, specs: specs, good: true}
	return changed
}

func equalSpecs(a, b Spec) bool { return a.Disabled == b.Disabled && a.Row.Equal(b.Row) }

// errSame tells that a file is the version that was read.
var errSame = errors.New("file did not change")

// load reads a file unless it is the version of a stamp.
func load(path string, last stamp, now time.Time) ([]Spec, stamp, error) {
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
	if !info.Mode().IsRegular() {
		return nil, s, fmt.Errorf("%s is no file; give a pattern such as %s", path, filepath.Join(path, "*.yaml"))
	}
	b, err := readFile(path)
	if err != nil {
		return nil, s, err
	}
	specs, err := Parse(b)
	if err != nil {
		return nil, s, fmt.Errorf("read rows: %w", err)
	}
	return specs, s, nil
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxFile {
		return nil, fmt.Errorf("it has more than %d bytes", maxFile)
	}
	return b, nil
}

// list returns copies of what is known of all files, by path.
func (f *files) list() []file {
	out := make([]file, 0, len(f.byPath))
	for _, x := range f.byPath {
		out = append(out, *x)
	}
	slices.SortFunc(out, func(a, b file) int { return strings.Compare(a.path, b.path) })
	return out
}

// checkPattern says what is wrong with a pattern of files.
func checkPattern(pattern string) error {
	if _, err := filepath.Match(pattern, ""); err != nil {
		return fmt.Errorf("%q is no pattern of files: %w", pattern, err)
	}
	return nil
}
