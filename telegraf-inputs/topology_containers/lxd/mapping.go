package lxd

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/telegraf-inputs/topology_containers/container"
)

// Secret reports whether a key of a configuration may hold a secret: what is
// given to cloud-init, to the environment of programs, raw configuration of
// others, and keys that are called like one.
func Secret(key string) bool {
	key = strings.ToLower(key)
	for _, prefix := range []string{"cloud-init.", "environment.", "raw.", "user.user-data", "user.vendor-data", "user.network-config", "user.meta-data"} {
		if strings.HasPrefix(key, prefix) {
			return true
		}
	}
	for _, word := range []string{"password", "passwd", "passphrase", "secret", "token", "credential", "private", "apikey", "api_key", "api-key", "ssh"} {
		if strings.Contains(key, word) {
			return true
		}
	}
	return strings.HasSuffix(key, ".key") || strings.HasSuffix(key, "_key") || strings.HasSuffix(key, "-key")
}

// public returns a configuration without secrets and without what only the
// daemon itself understands.
func public(config map[string]string) map[string]string {
	out := make(map[string]string, len(config))
	for k, v := range config {
		if !Secret(k) && !strings.HasPrefix(k, "volatile.idmap.") && k != "volatile.last_state.idmap" {
			out[k] = v
		}
	}
	return out
}

// describe says what an instance is in the words of all runtimes.
func describe(i *Instance) *container.Container {
	config := i.ExpandedConfig
	if len(config) == 0 {
		config = i.Config
	}
	uuid := i.Config["volatile.uuid"]
	c := &container.Container{
		Source:   container.SourceLXD,
		ID:       cmp.Or(uuid, i.Name),
		Scope:    "lxd/" + i.Project, // of instances of old daemons, which have no UUID
		Identity: uuid,
		Name:     i.Name,
		Image:    cmp.Or(config["image.description"], config["image.name"], config["image.os"]),
		ImageID:  config["volatile.base_image"],
		Runtime:  "lxc",
		Created:  i.CreatedAt,
		Hostname: i.Name,
		Status:   status(i),
		OwnKey:   "LXD",
	}
	if i.Type == container.KindVirtualMachine {
		c.Kind, c.Runtime = i.Type, "qemu"
	}
	if i.State != nil {
		c.InitPID = max(0, i.State.PID)
		c.Networks = networks(i)
	}
	c.Own = own(i, config, &c.Truncated)
	return c
}

// status translates LXD's words (shared/api/status_code.go).
func status(i *Instance) string {
	word := i.Status
	if i.State != nil && i.State.Status != "" {
		word = i.State.Status
	}
	switch word {
	case "Running", "Ready", "Started", "Stopping", "Thawed", "Freezing":
		return container.StatusRunning
	case "Frozen":
		return container.StatusPaused
	case "Starting", "Created":
		return container.StatusCreated
	case "Error", "Aborting":
		return container.StatusDead
	}
	return container.StatusExited
}

// networks are the interfaces of an instance, under the names of the networks
// that they are attached to.
func networks(i *Instance) []container.Network {
	var out []container.Network
	for _, name := range slices.Sorted(maps.Keys(i.State.Network)) {
		nic := i.State.Network[name]
		if nic.Type == "loopback" {
			continue
		}
		n := container.Network{Name: name, ID: name, MAC: nic.MAC}
		for device, d := range i.ExpandedDevices {
			if d["type"] == "nic" && cmp.Or(d["name"], device) == name {
				n.Name = cmp.Or(d["network"], d["parent"], name)
			}
		}
		for _, a := range nic.Addresses {
			addr, err := netip.ParseAddr(a.Address)
			if err != nil {
				continue
			}
			bits, err := strconv.Atoi(a.Netmask)
			if err != nil || bits < 0 || bits > addr.BitLen() {
				bits = addr.BitLen()
			}
			p := netip.PrefixFrom(addr.WithZone(""), bits)
			if addr.Is4() {
				n.IPv4 = append(n.IPv4, p)
			} else {
				n.IPv6 = append(n.IPv6, p)
			}
		}
		out = append(out, n)
	}
	return out
}

// own is the map LXD: what only the daemon knows.
func own(i *Instance, config map[string]string, cut *[]string) entity.Attrs {
	a := entity.Attrs{
		entity.A("Architecture", optional(i.Architecture)),
		entity.A("Description", optional(i.Description)),
		entity.A("Ephemeral", entity.Bool(i.Ephemeral)),
		entity.A("Location", optional(strings.TrimPrefix(i.Location, "none"))),
		entity.A("Project", optional(i.Project)),
		entity.A("Restore", optional(i.Restore)),
		entity.A("Stateful", entity.Bool(i.Stateful)),
		entity.A("Status", optional(i.Status)),
		entity.A("Type", optional(i.Type)),
	}
	if i.CreatedAt.Unix() > 0 {
		a = append(a, entity.A("CreatedAt", entity.String(i.CreatedAt.UTC().Format(time.RFC3339))))
	}
	if len(i.Profiles) > 0 {
		profiles := make([]entity.Value, 0, len(i.Profiles))
		for _, p := range i.Profiles[:min(len(i.Profiles), maxList)] {
			profiles = append(profiles, container.Text(p))
		}
		if len(i.Profiles) > maxList {
			*cut = append(*cut, "LXD.Profiles")
		}
		a = append(a, entity.A("Profiles", entity.List(profiles...)))
	}
	text := func(key string, m map[string]string) entity.Value {
		v, short := container.TextMap(m)
		if short {
			*cut = append(*cut, "LXD."+key)
		}
		return v
	}
	a = append(a, entity.A("Config", text("Config", public(config))))
	devices := i.ExpandedDevices
	if len(devices) == 0 {
		devices = i.Devices
	}
	a = append(a, entity.A("Devices", tables(devices, cut, text)), entity.A("Interfaces", hostNames(i, cut)))
	return a.Normalize()
}

// maxList bounds the entries of lists and tables.
const maxList = 256

func tables(devices map[string]map[string]string, cut *[]string, text func(string, map[string]string) entity.Value) entity.Value {
	var a entity.Attrs
	for _, name := range slices.Sorted(maps.Keys(devices)) {
		if len(a) == maxList {
			*cut = append(*cut, "LXD.Devices")
			break
		}
		k, changed := container.Key(name)
		if changed {
			*cut = append(*cut, "LXD.Devices")
		}
		a = append(a, entity.A(k, text("Devices", public(devices[name]))))
	}
	if len(a) == 0 {
		return entity.Value{}
	}
	return entity.Map(a.Normalize())
}

// hostNames has for each interface the name of its other end at the host.
func hostNames(i *Instance, cut *[]string) entity.Value {
	if i.State == nil {
		return entity.Value{}
	}
	var a entity.Attrs
	for _, name := range slices.Sorted(maps.Keys(i.State.Network)) {
		nic := i.State.Network[name]
		if nic.HostName == "" {
			continue
		}
		if len(a) == maxList {
			*cut = append(*cut, "LXD.Interfaces")
			break
		}
		k, changed := container.Key(name)
		if changed {
			*cut = append(*cut, "LXD.Interfaces")
		}
		a = append(a, entity.A(k, container.Text(nic.HostName)))
	}
	if len(a) == 0 {
		return entity.Value{}
	}
	return entity.Map(a.Normalize())
}

func optional(s string) entity.Value {
	if s == "" {
		return entity.Value{}
	}
	return container.Text(s)
}
