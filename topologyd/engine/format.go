package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// formatFile tells what wrote a data directory: a line with the number of its
// layout.
const formatFile = "format"

// format is the layout of data directories that this program writes; it reads
// all before it. Layout 1 had no such file.
const format = 2

// ErrFormat is wrapped when a data directory was written by a newer program.
var ErrFormat = errors.New("the data directory was written by a newer version")

// checkFormat refuses a data directory of a newer program, before anything in
// it is touched.
func checkFormat(dir string) error {
	b, err := os.ReadFile(filepath.Join(dir, formatFile))
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil // who makes the directory says what is wrong with it
	}
	if err != nil {
		return fmt.Errorf("read data directory: %w", err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return fmt.Errorf("read data directory: %s should hold a number, not %.20q; write %d into it if this is topologyd's directory",
			filepath.Join(dir, formatFile), b, format)
	}
	if n > format {
		return fmt.Errorf("%w: %s has format %d, this program knows up to %d; use the newer program, or another --data-dir", ErrFormat, dir, n, format)
	}
	return nil
}

// markFormat notes the layout in the directory.
func markFormat(dir string) error {
	path := filepath.Join(dir, formatFile)
	if b, err := os.ReadFile(path); err == nil && strings.TrimSpace(string(b)) == strconv.Itoa(format) {
		return nil
	}
	if err := os.WriteFile(path, []byte(strconv.Itoa(format)+"\n"), 0o600); err != nil {
		return fmt.Errorf("mark data directory: %w", err)
	}
	return nil
}
