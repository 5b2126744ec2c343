package flowcapture

import (
	"fmt"

	"github.com/skein-net/skein/internal/hostid"
)

// identity fills in what the configuration leaves open, as Telegraf's input
// topology_host does: the name is the hostname, the ID the machine's, else the
// name.
func identity(c HostConfig, root string, hostname func() (string, error)) (HostConfig, error) {
	if c.Name == "" {
		name, err := hostname()
		if err != nil {
			return c, fmt.Errorf("find out the host's name (set host.name instead): %w", err)
		}
		c.Name = name
	}
	if c.ID == "" {
		c.ID, _ = hostid.Find(root)
	}
	if c.ID == "" {
		c.ID = c.Name
	}
	return c, nil
}
