package docker

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"

	"github.com/skein-net/skein/internal/entity"
	model "github.com/skein-net/skein/telegraf-inputs/topology_containers/container"
)

// convert makes the common model of what an engine says of a container. Every
// part of the answer may be missing.
func convert(r *container.InspectResponse, source string) *model.Container {
	c := &model.Container{
		Source: source, ID: r.ID, Scope: source, Name: strings.TrimPrefix(r.Name, "/"), ImageID: r.Image,
		OwnKey: "Docker", Created: parseTime(r.Created),
	}
	if source == model.SourcePodman {
		c.OwnKey = "Podman"
	}
	if s := r.State; s != nil {
		c.Status = status(string(s.Status))
		c.InitPID = s.Pid
		c.Started = parseTime(s.StartedAt)
		if c.Status == model.StatusExited || c.Status == model.StatusDead {
			c.ExitCode = &s.ExitCode
			c.InitPID = 0
		}
	}
	if r.Config != nil {
		c.Image, c.Labels, c.Hostname = r.Config.Image, r.Config.Labels, r.Config.Hostname
	}
	if r.HostConfig != nil {
		if c.Runtime = r.HostConfig.Runtime; c.Runtime == "oci" { // Podman does not say which
			c.Runtime = ""
		}
		c.Annotations = r.HostConfig.Annotations
	}
	if n := r.NetworkSettings; n != nil {
		for name, e := range n.Networks {
			c.Networks = append(c.Networks, attachment(name, e))
		}
		for port, bindings := range n.Ports {
			for _, b := range bindings {
				c.Ports = append(c.Ports, binding(port, b))
			}
		}
		if c.InitPID > 0 {
			c.NetNSPath = n.SandboxKey
		}
	}
	c.Own = own(r)
	return c
}

// status maps the words of Docker and Podman to those of the model.
func status(s string) string {
	switch s {
	case "configured", "initialized":
		return model.StatusCreated
	case "stopped":
		return model.StatusExited
	case "stopping":
		return model.StatusRunning
	}
	return s
}

func attachment(name string, e *network.EndpointSettings) model.Network {
	n := model.Network{Name: name}
	if e == nil {
		return n
	}
	n.ID, n.MAC, n.Aliases = e.NetworkID, e.MacAddress.String(), e.Aliases
	if p := netip.PrefixFrom(e.IPAddress, e.IPPrefixLen); p.IsValid() {
		n.IPv4 = append(n.IPv4, p)
	}
	if p := netip.PrefixFrom(e.GlobalIPv6Address, e.GlobalIPv6PrefixLen); p.IsValid() {
		n.IPv6 = append(n.IPv6, p)
	}
	for _, gw := range []netip.Addr{e.Gateway, e.IPv6Gateway} {
		if gw.IsValid() {
			n.Gateways = append(n.Gateways, gw)
		}
	}
	return n
}

func binding(port network.Port, b network.PortBinding) model.Port {
	p := model.Port{Port: port.Num(), Protocol: string(port.Proto())}
	if b.HostIP.IsValid() {
		p.HostIP = b.HostIP.String()
	}
	if n, err := strconv.ParseUint(b.HostPort, 10, 16); err == nil {
		p.HostPort = uint16(n)
	}
	return p
}

// own is what only the engine knows.
func own(r *container.InspectResponse) entity.Attrs {
	text := func(s string) entity.Value {
		if s == "" {
			return entity.Value{}
		}
		return model.Text(s)
	}
	a := entity.Attrs{
		entity.A("Platform", text(r.Platform)),
		entity.A("StorageDriver", text(r.Driver)),
		entity.A("RestartCount", entity.Int(int64(r.RestartCount))),
	}
	if s := r.State; s != nil {
		if s.OOMKilled {
			a = append(a, entity.A("OOMKilled", entity.Bool(true)))
		}
		if s.Error != "" {
			a = append(a, entity.A("Error", text(s.Error)))
		}
		if s.Health != nil && s.Health.Status != "" && s.Health.Status != container.NoHealthcheck {
			a = append(a, entity.A("Health", text(string(s.Health.Status))))
		}
	}
	if h := r.HostConfig; h != nil {
		a = append(a,
			entity.A("NetworkMode", text(string(h.NetworkMode))),
			entity.A("Privileged", entity.Bool(h.Privileged)))
		if h.RestartPolicy.Name != "" {
			a = append(a, entity.A("RestartPolicy", entity.Map(entity.Attrs{
				entity.A("MaximumRetryCount", entity.Int(int64(h.RestartPolicy.MaximumRetryCount))),
				entity.A("Name", text(string(h.RestartPolicy.Name))),
			})))
		}
	}
	if n := r.NetworkSettings; n != nil {
		a = append(a, entity.A("SandboxKey", text(n.SandboxKey)))
	}
	return a.Normalize()
}

// parseTime returns the zero time for what is none. Engines write the year 1 for
// never.
func parseTime(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || t.Year() <= 1 {
		return time.Time{}
	}
	return t
}
