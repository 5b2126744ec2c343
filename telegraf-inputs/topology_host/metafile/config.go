package metafile

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/skein-net/skein/internal/entity"
)

// File is one value to take out of a file.
type File struct {
	// Path is the absolute path of the file. It need not exist.
	Path string
	// Format is how it is written. Empty: what its extension says.
	Format Format
	// Name is the name of the value, unique in a [Config].
	Name string
	// Selector names the value in the file, see [Select].
	Selector string
}

// Config says what to watch and how.
type Config struct {
	Files []File
	// Debounce is how long a file must be left alone before it is read again. A
	// file that is never left alone is read every ten times that.
	Debounce time.Duration
	// Poll is how often all files are looked at although no notification came:
	// network file systems send none.
	Poll time.Duration
}

// DefaultConfig returns the settings that the input ships with.
func DefaultConfig() Config {
	return Config{Debounce: 200 * time.Millisecond, Poll: 30 * time.Second}
}

// maxFiles bounds what the files add to each report of the host, together
// with the bounds of a single value.
const maxFiles = 64

// Validate reports the first setting that cannot work. It looks at no file.
func (c *Config) Validate() error {
	switch {
	case c.Debounce < 0:
		return errors.New("the debounce time of metadata files is negative")
	case c.Poll <= 0:
		return errors.New("the interval of looking at metadata files is not positive")
	case len(c.Files) > maxFiles:
		return fmt.Errorf("%d values from metadata files, more than %d", len(c.Files), maxFiles)
	}
	names := make(map[string]bool, len(c.Files))
	for i := range c.Files {
		f := &c.Files[i]
		if err := f.validate(); err != nil {
			return fmt.Errorf("metadata file %q: %w", f.Path, err)
		}
		if names[f.Name] {
			return fmt.Errorf("metadata file %q: the name %q is used twice", f.Path, f.Name)
		}
		names[f.Name] = true
	}
	return nil
}

func (f *File) validate() error {
	if !filepath.IsAbs(f.Path) {
		return errors.New("the path is not absolute")
	}
	if _, err := f.format(); err != nil {
		return err
	}
	if f.Name == "" {
		return errors.New("no name")
	}
	return check(f.Name, entity.Bool(true))
}

// format returns the format that is set or that the extension stands for.
func (f *File) format() (Format, error) {
	if f.Format == "" {
		if found, ok := FormatOf(f.Path); ok {
			return found, nil
		}
		return "", errors.New("the extension stands for no format, set one")
	}
	if !f.Format.valid() {
		return "", fmt.Errorf("unknown format %q", string(f.Format))
	}
	return f.Format, nil
}
