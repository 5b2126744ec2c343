package bundle

import (
	"archive/zip"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"
)

// Zip packs the files of dir below a folder named by the plugin's ID. Programs
// get the mode 0755, everything else 0644. The same files at the same time give
// the same bytes.
func Zip(w io.Writer, dir fs.FS, m *Metadata, at time.Time) error {
	z := zip.NewWriter(w)
	err := fs.WalkDir(dir, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		h := &zip.FileHeader{Name: path.Join(m.ID, name), Method: zip.Deflate, Modified: at.UTC().Truncate(2 * time.Second)}
		h.SetMode(mode(m, name))
		f, err := z.CreateHeader(h)
		if err != nil {
			return err
		}
		return appendFile(f, dir, name)
	})
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		return fmt.Errorf("pack plugin: %w", err)
	}
	return nil
}

func mode(m *Metadata, name string) fs.FileMode {
	if m.Executable != "" && strings.HasPrefix(path.Base(name), m.Executable+"_") {
		return 0o755
	}
	return 0o644
}

func appendFile(w io.Writer, dir fs.FS, name string) error {
	f, err := dir.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(w, f)
	return err
}
