// Package table prints what the programs of `make bench` measure: the tables of
// docs/performance.md. It measures nothing itself.
package table

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
)

// Table collects rows. It belongs to one goroutine.
type Table struct {
	progress io.Writer
	rows     [][3]string
}

// New returns an empty table. Each row is also told to progress when it is
// added, for those who wait.
func New(progress io.Writer) *Table { return &Table{progress: progress} }

// Add adds a row: what was measured, what it should be ("" for no goal), and
// what it is.
func (t *Table) Add(what, goal, format string, args ...any) {
	r := [3]string{what, fmt.Sprintf(format, args...), goal}
	t.rows = append(t.rows, r)
	_, _ = fmt.Fprintf(t.progress, "%s: %s\n", r[0], r[1]) // nobody waits if it fails
}

// Print writes the rows as Markdown, with the machine they were measured on.
func (t *Table) Print(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "Measured by `make bench` on %d cores (%s/%s, %s).\n\n", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
	b.WriteString("| what | measured | goal |\n| --- | --- | --- |\n")
	for _, r := range t.rows {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", r[0], r[1], r[2])
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("print table: %w", err)
	}
	return nil
}
