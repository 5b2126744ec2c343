package confile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Files follows all files that some patterns name, each of which says a T. Its
// fields are set before the first Read and not changed later. It is for one
// goroutine.
type Files[T any] struct {
	// What says in the log what the files hold, for example "joins".
	What string
	// Log is told what happened to files, nil: nobody is.
	Log *slog.Logger
	// Equal tells whether two versions say the same, so that the later changes
	// nothing. nil: reflect.DeepEqual.
	Equal func(a, b T) bool

	patterns []string
	maxBytes int64
	parse    func(path string, data []byte) (T, error)
	byPath   map[string]*entry[T]
}

// File is one file, as it was when it could last be used.
type File[T any] struct {
	Path string
	// Value is what the last good version says, the zero T before there was one.
	Value T
	// Good tells that some version could be used.
	Good bool
	// Problem is why the present version cannot be used, "" when it can; Failed
	// since when.
	Problem string
	Failed  time.Time
}

type entry[T any] struct {
	File[T]
	// version is that of the last Read, nil when the file is to be read in any case.
	version fs.FileInfo
}

// New returns the files of patterns (path/filepath.Match), none of which is read
// yet. A pattern without a wildcard names a file that has to be there. maxBytes
// bounds one file. parse is given the bytes of a file, which are its own; its error
// must not tell what is secret. The error speaks of a malformed pattern.
func New[T any](patterns []string, maxBytes int64, parse func(path string, data []byte) (T, error)) (*Files[T], error) {
	for _, pattern := range patterns {
		if err := CheckPattern(pattern); err != nil {
			return nil, err
		}
	}
	return &Files[T]{
		What: "configuration", patterns: slices.Clone(patterns), maxBytes: maxBytes, parse: parse,
		byPath: make(map[string]*entry[T]),
	}, nil
}

// CheckPattern says what is wrong with a pattern of files.
func CheckPattern(pattern string) error {
	if _, err := filepath.Match(pattern, ""); err != nil {
		return fmt.Errorf("%q is no pattern of files: %w", pattern, err)
	}
	return nil
}

// Read looks at all files and reads those that changed since the last Read. It
// reports whether List is different now.
func (f *Files[T]) Read(now time.Time) (changed bool) {
	present := make(map[string]bool)
	for _, pattern := range f.patterns {
		paths, named := []string{pattern}, true
		if strings.ContainsAny(pattern, `*?[\`) {
			named = false
			paths, _ = filepath.Glob(pattern) // a malformed one has failed in New
		}
		for _, path := range paths {
			if _, err := os.Stat(path); present[path] || !named && errors.Is(err, fs.ErrNotExist) {
				continue // seen, or gone since
			}
			present[path] = true
			x := f.byPath[path]
			if x == nil {
				x = &entry[T]{File: File[T]{Path: path}}
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
		f.log(slog.LevelInfo, "is gone, and so is what it said", "file", path)
		delete(f.byPath, path)
		changed = true
	}
	return changed
}

// List returns what is known of all files, by path.
func (f *Files[T]) List() []File[T] {
	out := make([]File[T], 0, len(f.byPath))
	for _, x := range f.byPath {
		out = append(out, x.File)
	}
	slices.SortFunc(out, func(a, b File[T]) int { return strings.Compare(a.Path, b.Path) })
	return out
}

// refresh reads a file when it changed.
func (f *Files[T]) refresh(x *entry[T], now time.Time) (changed bool) {
	data, version, err := load(x.Path, x.version, x.Good, f.maxBytes, now)
	if errors.Is(err, errSame) {
		return false
	}
	var value T
	if err == nil {
		value, err = f.parse(x.Path, data)
	}
	if err != nil {
		x.version = version
		if text := err.Error(); text != x.Problem {
			x.Problem, x.Failed = text, now
			f.log(slog.LevelError, "cannot be used; what it said before stays", "file", x.Path, "error", err)
			return true
		}
		return false
	}
	if x.Problem != "" {
		f.log(slog.LevelInfo, "can be used again", "file", x.Path)
	}
	changed = !x.Good || x.Problem != "" || !f.equal(x.Value, value)
	*x = entry[T]{File[T]{Path: x.Path, Value: value, Good: true}, version}
	return changed
}

func (f *Files[T]) equal(a, b T) bool {
	if f.Equal != nil {
		return f.Equal(a, b)
	}
	return reflect.DeepEqual(a, b)
}

func (f *Files[T]) log(level slog.Level, what string, args ...any) {
	if f.Log != nil {
		f.Log.Log(context.Background(), level, "file of "+f.What+" "+what, args...)
	}
}
