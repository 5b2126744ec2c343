package lxc

import (
	"path/filepath"
	"strings"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/telegraf-inputs/topology_containers/container"
)

// describe says what a container is in the words of all runtimes. status is one
// of theirs, pid 0 when it does not run; settings are nil when it has no
// configuration.
func describe(path, name string, s *Settings, status string, pid int) *container.Container {
	c := &container.Container{
		Source:  container.SourceLXC,
		ID:      name,
		Scope:   "lxc/" + strings.TrimPrefix(path, "/"),
		Name:    name,
		Runtime: "lxc",
		Status:  status,
		InitPID: pid,
		OwnKey:  "LXC",
	}
	own := entity.Attrs{entity.A("Path", container.Text(path))}
	if s != nil {
		c.Hostname = s.Hostname
		c.Networks = networks(s)
		if s.Cut {
			c.Truncated = []string{"LXC"}
		}
		own = append(own,
			entity.A("Architecture", optional(s.Architecture)),
			entity.A("Autostart", entity.Bool(s.Autostart)),
			entity.A("Config", container.Text(filepath.Join(path, name, "config"))),
			entity.A("Groups", texts(s.Groups)),
			entity.A("Include", texts(s.Include)),
			entity.A("RootFS", optional(s.RootFS)),
			entity.A("ShareNet", optional(s.ShareNet)),
			entity.A("Unprivileged", entity.Bool(s.Unprivileged)),
		)
	}
	c.Own = own.Normalize()
	return c
}

// networks are the interfaces under the names of what they are linked to.
func networks(s *Settings) []container.Network {
	var out []container.Network
	for _, n := range s.Networks {
		if n.Type == "empty" || n.Type == "none" || n.Type == "" {
			continue
		}
		net := container.Network{Name: n.Link, ID: n.Name, MAC: n.MAC}
		for _, p := range n.Addresses {
			if p.Addr().Is4() {
				net.IPv4 = append(net.IPv4, p)
			} else {
				net.IPv6 = append(net.IPv6, p)
			}
		}
		out = append(out, net)
	}
	return out
}

func optional(s string) entity.Value {
	if s == "" {
		return entity.Value{}
	}
	return container.Text(s)
}

func texts(ss []string) entity.Value {
	if len(ss) == 0 {
		return entity.Value{}
	}
	vs := make([]entity.Value, len(ss))
	for i, s := range ss {
		vs[i] = container.Text(s)
	}
	return entity.List(vs...)
}
