package metafile

import (
	"os"
	"path/filepath"
	"strings"
)

// maxLinks bounds how many symbolic links one path may lead through.
const maxLinks = 40

// places walks along a path as the kernel would and returns where a change can
// make it lead to another file: the full names of the symbolic links on the
// way, and of the file itself or of the first part of the path that does not
// exist. The directories of these names exist and have no links in their own
// names.
func places(path string) []string {
	var out []string
	at := filepath.VolumeName(path) + string(filepath.Separator)
	rest := parts(path)
	for links := 0; len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		if name == ".." {
			at = filepath.Dir(at)
			continue
		}
		next := filepath.Join(at, name)
		stat, err := os.Lstat(next)
		switch {
		case err != nil || len(rest) == 0 && stat.Mode()&os.ModeSymlink == 0:
			return append(out, next)
		case stat.Mode()&os.ModeSymlink == 0:
			at = next
			continue
		}
		out = append(out, next)
		target, err := os.Readlink(next)
		if links++; err != nil || links > maxLinks {
			return out
		}
		if filepath.IsAbs(target) {
			at = filepath.VolumeName(target) + string(filepath.Separator)
		}
		rest = append(parts(target), rest...)
	}
	return out
}

// parts splits a path. It leaves ".." in: after a link that is not the
// directory named before it.
func parts(path string) []string {
	path = path[len(filepath.VolumeName(path)):]
	split := strings.FieldsFunc(path, func(r rune) bool { return r < 0x80 && os.IsPathSeparator(uint8(r)) })
	out := split[:0]
	for _, p := range split {
		if p != "." {
			out = append(out, p)
		}
	}
	return out
}
