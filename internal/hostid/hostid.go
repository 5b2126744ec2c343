// Package hostid finds out the identity of the machine, host.id. Who reports a
// host and who captures on it must find the same, or flows would not belong to
// its interfaces: this is the only place that knows how. It must never make an
// identity up.
package hostid

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// MaxLength is how many bytes an identity has at most.
const MaxLength = 128

// Find returns the identity of the machine whose files are below root:
// /etc/machine-id (machine-id(5)), or the one that D-Bus keeps. ok is false when
// there is none; the host's name stands in for it then.
func Find(root string) (id string, ok bool) {
	for _, path := range []string{"/etc/machine-id", "/var/lib/dbus/machine-id"} {
		b, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			continue
		}
		id := strings.TrimSpace(string(b))
		// systemd writes "uninitialized" into images that have not booted yet.
		if id != "" && id != "uninitialized" && len(id) <= MaxLength && !strings.ContainsFunc(id, isControl) {
			return id, true
		}
	}
	return "", false
}

// Resolve returns the identity and the name of this machine, where they are not
// given: that of its files, and its hostname, which stands in for an identity
// that it has not.
func Resolve(id, name string) (string, string, error) {
	if name == "" {
		var err error
		if name, err = os.Hostname(); err != nil {
			return "", "", fmt.Errorf("find host name: %w", err)
		}
	}
	if id == "" {
		var ok bool
		if id, ok = Find("/"); !ok {
			id = name
		}
	}
	return id, name, nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }
