package runtimedir

import (
	"cmp"
	"encoding/json"
	"strings"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/telegraf-inputs/topology_containers/container"
)

// createConfig is the part of BUNDLE/artifacts/create-config that is used; its
// names have been written in several cases.
type createConfig struct {
	Name    string            `json:"name"`
	Image   string            `json:"image"`
	ImageID string            `json:"imageID"`
	Labels  map[string]string `json:"labels"`
}

// Annotations of CRI-O (github.com/cri-o/cri-o/pkg/annotations) and of
// containerd's CRI service.
const (
	crioPrefix  = "io.kubernetes.cri-o."
	criPrefix   = "io.kubernetes.cri."
	sandboxKind = "sandbox"
)

// describe says what a state is of in the words of all runtimes. created is what
// the bundle's create-config says.
func describe(s *State, created createConfig) *container.Container {
	c := &container.Container{
		Source:      container.SourceRunc,
		ID:          s.ID,
		Runtime:     s.Runtime,
		Created:     s.Created,
		Hostname:    s.Hostname,
		Annotations: s.Annotations,
		InitPID:     s.PID,
		InitTicks:   s.StartTime,
		Name:        created.Name,
		Image:       created.Image,
		ImageID:     created.ImageID,
		Labels:      created.Labels,
		OwnKey:      "Runc",
		Own: entity.Attrs{
			entity.A("Bundle", optional(s.Bundle)),
			entity.A("RootFS", optional(s.RootFS)),
			entity.A("Owner", optional(s.Owner)),
			entity.A("Rootless", entity.Bool(s.Rootless)),
		}.Normalize(),
	}
	switch {
	case s.Annotations[crioPrefix+"ContainerType"] != "":
		fromCrio(c)
	case s.Annotations[criPrefix+"container-type"] != "":
		c.Name = cmp.Or(c.Name, s.Annotations[criPrefix+"container-name"])
		if s.Annotations[criPrefix+"container-type"] == sandboxKind {
			c.Name = cmp.Or(c.Name, s.Annotations[criPrefix+"sandbox-name"])
		}
		c.Image = cmp.Or(c.Image, s.Annotations[criPrefix+"image-name"])
	}
	if c.Labels == nil {
		c.Labels = make(map[string]string, len(s.Annotations))
		for key, value := range s.Annotations {
			if !strings.HasPrefix(key, crioPrefix) {
				c.Labels[key] = value
			}
		}
	}
	if c.Name == "" && len(c.ID) == 64 {
		c.Name = c.ID[:12]
	}
	return c
}

// fromCrio takes what CRI-O tells of a container in its annotations, which is
// what its HTTP interface would answer.
func fromCrio(c *container.Container) {
	at := func(key string) string { return c.Annotations[crioPrefix+key] }
	c.Source = container.SourceCrio
	c.Name = cmp.Or(at("Name"), c.Name)
	c.Image = cmp.Or(at("ImageName"), at("UserRequestedImage"), at("Image"), c.Image)
	c.ImageID = cmp.Or(at("ImageRef"), c.ImageID)
	c.Hostname = cmp.Or(c.Hostname, at("HostName"))
	var labels map[string]string
	if text := at("Labels"); text != "" && json.Unmarshal([]byte(text), &labels) == nil {
		c.Labels = labels
	}
	var ips []entity.Value
	for _, key := range []string{"IP.0", "IP.1", "IP"} {
		if ip := at(key); ip != "" {
			ips = append(ips, container.Text(ip))
		}
	}
	c.OwnKey = "Crio"
	c.Own = append(c.Own,
		entity.A("ContainerType", optional(at("ContainerType"))),
		entity.A("LogPath", optional(at("LogPath"))),
		entity.A("MountPoint", optional(at("MountPoint"))),
		entity.A("SandboxID", optional(at("SandboxID"))),
		entity.A("SandboxName", optional(at("SandboxName"))),
	)
	if len(ips) > 0 {
		c.Own = append(c.Own, entity.A("IP", entity.List(ips...)))
	}
	c.Own = c.Own.Normalize()
}

func optional(s string) entity.Value {
	if s == "" {
		return entity.Value{}
	}
	return container.Text(s)
}
