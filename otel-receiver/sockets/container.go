package sockets

import "strings"

// containerOf finds the ID of a container in the path of its cgroup: what
// Docker, containerd, CRI-O, Podman, LXC and systemd-nspawn make, with both
// drivers and both versions of cgroups. The innermost one counts. It returns ""
// for a path of no container.
func containerOf(path string) string {
	parts := strings.Split(path, "/")
	for i := len(parts) - 1; i >= 0; i-- {
		parent := ""
		if i > 0 {
			parent = parts[i-1]
		}
		if id, ok := container(parts[i], parent); ok {
			return id
		}
	}
	return ""
}

// container looks at one element of a path. ok is also set for what belongs to a
// container but is outside of it.
func container(part, parent string) (id string, ok bool) {
	name := part
	for _, suffix := range []string{".scope", ".service", ".slice"} {
		name = strings.TrimSuffix(name, suffix)
	}
	if strings.HasPrefix(name, "crio-conmon-") || strings.HasPrefix(name, "libpod-conmon-") {
		return "", true
	}
	if i := len(name) - idLength; i >= 0 && isHex(name[i:]) {
		switch {
		case i == 0:
			return name, true
		case name[i-1] == '-' || name[i-1] == ':':
			// docker-, cri-containerd-, crio-, libpod-, slice:namespace:
			return name[i:], true
		}
	}
	// Tasks of ECS: 32 digits of the task, and a number.
	if task, n, found := strings.Cut(name, "-"); found && len(task) == idLength/2 && isHex(task) && strings.Trim(n, "0123456789") == "" && n != "" {
		return name, true
	}
	switch {
	case strings.HasPrefix(part, "lxc.payload."):
		return strings.TrimPrefix(part, "lxc.payload."), true
	case strings.HasPrefix(part, "lxc.monitor."):
		return "", true
	case (parent == "lxc" || parent == "lxc.payload") && part != "":
		return part, true
	case strings.HasSuffix(part, ".service") && strings.HasPrefix(part, "systemd-nspawn@"):
		return strings.TrimPrefix(name, "systemd-nspawn@"), true
	case parent == "machine.slice" && strings.HasSuffix(part, ".scope") && strings.HasPrefix(part, "machine-"):
		return strings.TrimPrefix(name, "machine-"), true
	}
	return "", false
}

// idLength is how many digits IDs of OCI containers have.
const idLength = 64

func isHex(s string) bool {
	return strings.Trim(s, "0123456789abcdef") == ""
}

// parseCgroups reads /proc/PID/cgroup (cgroups(7)): the path in version 2, "" if
// there is none, and the ID of the container by any of the hierarchies.
func parseCgroups(b []byte) (path, id string) {
	for line := range strings.Lines(string(b)) {
		number, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		_, p, ok := strings.Cut(rest, ":")
		if !ok || !strings.HasPrefix(p, "/") {
			continue
		}
		if number == "0" {
			path = p
			if own := containerOf(p); own != "" {
				id = own
			}
		} else if id == "" {
			id = containerOf(p)
		}
	}
	return path, id
}
