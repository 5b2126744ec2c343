package flowcapture

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// identity fills in what the configuration leaves open, by the rules of
// Telegraf's input topology_host: the name is the hostname, the ID
// /etc/machine-id (machine-id(5)) or the one that D-Bus keeps, else the name.
func identity(c HostConfig, root string, hostname func() (string, error)) (HostConfig, error) {
	if c.Name == "" {
		name, err := hostname()
		if err != nil {
			return c, fmt.Errorf("find out the host's name (set host.name instead): %w", err)
		}
		c.Name = name
	}
	for _, path := range []string{"/etc/machine-id", "/var/lib/dbus/machine-id"} {
		if c.ID != "" {
			return c, nil
		}
		c.ID = machineID(filepath.Join(root, path))
	}
	if c.ID == "" {
		c.ID = c.Name
	}
	return c, nil
}

// machineID returns "" for what is no ID; systemd writes "uninitialized" into
// images that have not booted yet.
func machineID(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	id := strings.TrimSpace(string(b))
	if id == "uninitialized" || len(id) > maxName || strings.ContainsFunc(id, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return ""
	}
	return id
}
