package joins

import (
	"fmt"
	"log/slog"
	"slices"

	"github.com/skein-net/skein/topologyd/confile"
)

// maxFile bounds one file.
const maxFile = 1 << 20

// file is one file of rows.
type file = confile.File[[]Spec]

func newFiles(patterns []string, log *slog.Logger) (*confile.Files[[]Spec], error) {
	f, err := confile.New(patterns, maxFile, func(_ string, data []byte) ([]Spec, error) {
		specs, err := Parse(data)
		if err != nil {
			return nil, fmt.Errorf("read rows: %w", err)
		}
		return specs, nil
	})
	if err != nil {
		return nil, err
	}
	f.What, f.Log = "joins", log
	f.Equal = func(a, b []Spec) bool { return slices.EqualFunc(a, b, equalSpecs) }
	return f, nil
}

func equalSpecs(a, b Spec) bool { return a.Disabled == b.Disabled && a.Row.Equal(b.Row) }
