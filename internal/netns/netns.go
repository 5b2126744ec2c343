// Package netns opens network namespaces, tells which one is which, and runs
// functions inside them.
//
// A namespace is known by its [ID]: the device and inode number of its nsfs
// file (namespaces(7)). Two paths with one ID are the same namespace, whatever
// their names are.
//
// The package never leaves a thread of the Go scheduler in a foreign
// namespace: a thread that cannot return to where it was is thrown away. It
// creates, names and deletes no namespace.
//
// Only Linux has network namespaces of this kind. Elsewhere the package
// compiles and every function that needs one returns [ErrUnsupported].
package netns

import (
	"errors"
	"strconv"
)

// ErrUnsupported is returned by everything here on systems other than Linux.
var ErrUnsupported = errors.New("network namespaces exist only on Linux")

// ErrNotNetNS is wrapped by errors about a file that exists but is not (yet)
// the nsfs file of a network namespace.
var ErrNotNetNS = errors.New("not a network namespace")

// ID identifies a namespace while it lives: the numbers that stat(2) gives for
// its nsfs file. The kernel may give the inode number of a namespace that
// ended to a new one.
type ID struct {
	Dev   uint64
	Inode uint64
}

// IsZero reports whether id names no namespace.
func (id ID) IsZero() bool { return id == ID{} }

// String returns the form that readlink(2) of /proc/PID/ns/net gives, for
// example "net:[4026531840]".
func (id ID) String() string { return "net:[" + strconv.FormatUint(id.Inode, 10) + "]" }

// ParseLink reads the inode number out of the text of a /proc/PID/ns/net link.
// ok is false when the text has another form.
func ParseLink(text string) (inode uint64, ok bool) {
	const prefix, suffix = "net:[", "]"
	if len(text) <= len(prefix)+len(suffix) || text[:len(prefix)] != prefix || text[len(text)-1:] != suffix {
		return 0, false
	}
	n, err := strconv.ParseUint(text[len(prefix):len(text)-1], 10, 64)
	return n, err == nil
}

// Named is a namespace that has a name: a file of a directory such as
// /run/netns on which its nsfs file is mounted (ip-netns(8)).
type Named struct {
	Name string
	Path string
	ID   ID
}
