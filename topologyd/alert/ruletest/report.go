package ruletest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/skein-net/skein/topologyd/alert"
	"github.com/skein-net/skein/topologyd/alert/rulefile"
	"github.com/skein-net/skein/topologyd/confile"
)

// TestFile runs a file of tests and writes how it went. It reports whether all of
// them hold.
func TestFile(ctx context.Context, path string, out io.Writer) (ok bool, err error) {
	w := &report{out: out}
	w.printf("Unit testing: %s\n", path)
	failures, err := testFile(ctx, path)
	switch {
	case ctx.Err() != nil:
		return false, ctx.Err()
	case err != nil:
		w.printf("  FAILED:\n%s\n", indent(err.Error(), 4))
	case len(failures) == 0:
		w.printf("  SUCCESS\n")
	default:
		w.printf("  FAILED:\n")
		for i := range failures {
			w.failure(&failures[i])
		}
	}
	w.printf("\n")
	return err == nil && len(failures) == 0, w.err
}

func testFile(ctx context.Context, path string) ([]Failure, error) {
	data, err := confile.ReadFile(path, MaxBytes)
	if err != nil {
		return nil, err
	}
	f, err := Parse(data)
	if err != nil {
		return nil, err
	}
	var groups []alert.Group
	seen := make(map[string]bool)
	for _, pattern := range f.RuleFiles {
		if !filepath.IsAbs(pattern) {
			pattern = filepath.Join(filepath.Dir(path), pattern)
		}
		paths, err := filepath.Glob(pattern)
		if err != nil {
			return nil, fmt.Errorf("rule_files: %q is no pattern of files: %w", pattern, err)
		}
		if len(paths) == 0 {
			return nil, fmt.Errorf("rule_files: there is no file %s", pattern)
		}
		for _, p := range paths {
			if p = filepath.Clean(p); seen[p] {
				continue // else each of its alerts would be there twice
			}
			seen[p] = true
			more, err := readRules(p)
			if err != nil {
				return nil, fmt.Errorf("%s:\n%s", p, indent(err.Error(), 2))
			}
			groups = append(groups, more...)
		}
	}
	return Run(ctx, f, groups)
}

// CheckFile checks a file of rules and writes what is wrong with it. It reports
// whether nothing is.
func CheckFile(path string, out io.Writer) (ok bool, err error) {
	w := &report{out: out}
	w.printf("Checking %s\n", path)
	groups, err := readRules(path)
	if err != nil {
		w.printf("  FAILED:\n%s\n\n", indent(err.Error(), 4))
		return false, w.err
	}
	n := 0
	for i := range groups {
		n += len(groups[i].Rules)
	}
	what := "rules"
	if n == 1 {
		what = "rule"
	}
	w.printf("  SUCCESS: %d %s\n\n", n, what)
	return true, w.err
}

func readRules(path string) ([]alert.Group, error) {
	data, err := confile.ReadFile(path, rulefile.MaxBytes)
	if err != nil {
		return nil, err
	}
	return rulefile.Parse(data)
}

// report writes, and remembers that it could not.
type report struct {
	out io.Writer
	err error
}

func (w *report) printf(format string, args ...any) {
	_, err := fmt.Fprintf(w.out, format, args...)
	w.err = errors.Join(w.err, err)
}

func (w *report) failure(f *Failure) {
	if f.Err != nil {
		w.printf("    name: %s,\n%s\n", f.Test, indent(f.Err.Error(), 8))
		return
	}
	w.printf("    name: %s,\n    alertname: %s, time: %s,\n", f.Test, f.Alertname, f.Time)
	for _, side := range []struct {
		name string
		list []string
	}{{"exp", f.Want}, {"got", f.Got}} {
		w.printf("        %s:[", side.name)
		for i, text := range side.list {
			w.printf("\n            %d: %s", i, text)
		}
		if len(side.list) > 0 {
			w.printf("\n        ")
		}
		w.printf("]\n")
	}
}

func indent(text string, n int) string {
	pad := strings.Repeat(" ", n)
	return pad + strings.ReplaceAll(text, "\n", "\n"+pad)
}
