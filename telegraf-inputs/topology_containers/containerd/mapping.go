package containerd

import (
	"cmp"
	"encoding/json"
	"strings"
	"time"

	"github.com/containerd/containerd/api/services/containers/v1"
	"github.com/containerd/containerd/api/types/task"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/skein-net/skein/internal/entity"
	model "github.com/skein-net/skein/telegraf-inputs/topology_containers/container"
)

// spec is what is used of the OCI runtime specification's config.json.
type spec struct {
	Hostname    string            `json:"hostname"`
	Annotations map[string]string `json:"annotations"`
	Mounts      []struct {
		Destination string `json:"destination"`
		Source      string `json:"source"`
	} `json:"mounts"`
	Linux struct {
		CgroupsPath string `json:"cgroupsPath"`
		Namespaces  []struct {
			Type string `json:"type"`
			Path string `json:"path"`
		} `json:"namespaces"`
	} `json:"linux"`
}

// readSpec returns an empty one for what is none, for example that of a system
// other than Linux.
func readSpec(c *containers.Container) (s spec) {
	if json.Unmarshal(c.GetSpec().GetValue(), &s) != nil {
		return spec{}
	}
	return s
}

// convert makes the common model of a container and what runs in it, nil for
// nothing. Every part may be missing.
func convert(k key, c *containers.Container, p *task.Process) *model.Container {
	s := readSpec(c)
	m := &model.Container{
		Source: model.SourceContainerd, ID: k.id, Scope: k.scope(), Image: c.GetImage(),
		Runtime: c.GetRuntime().GetName(), Status: model.StatusExited, Created: when(c.GetCreatedAt()),
		Labels: c.GetLabels(), Annotations: s.Annotations, Hostname: s.Hostname, OwnKey: "Containerd",
	}
	m.Pod = model.FindPod(m.Labels, m.Annotations)
	m.Name = name(m)
	if p != nil {
		m.Status = statusOf(p.GetStatus())
		if m.Status == model.StatusExited {
			code := int(p.GetExitStatus())
			m.ExitCode = &code
		} else {
			m.InitPID = int(p.GetPid())
		}
	}
	for _, ns := range s.Linux.Namespaces {
		if ns.Type == "network" && m.InitPID > 0 {
			m.NetNSPath = ns.Path
		}
	}
	for _, mount := range s.Mounts {
		if mount.Destination != "/etc/hosts" {
			continue
		}
		// Without the right to read it, or in a container, there is none.
		if h, err := model.ReadHosts(mount.Source, m.Hostname); err == nil {
			m.Hosts = h
		}
	}
	m.Own = entity.Attrs{
		entity.A("Namespace", text(k.namespace)),
		entity.A("Snapshotter", text(c.GetSnapshotter())),
		entity.A("CgroupsPath", text(s.Linux.CgroupsPath)),
	}.Normalize()
	return m
}

// name is what people call a container: containerd itself has only IDs.
func name(m *model.Container) string {
	if m.Pod != nil {
		return cmp.Or(m.Pod.ContainerName, m.Pod.Name)
	}
	return m.Labels["nerdctl/name"]
}

func text(s string) entity.Value {
	if s == "" {
		return entity.Value{}
	}
	return model.Text(s)
}

func statusOf(s task.Status) string {
	switch s {
	case task.Status_CREATED:
		return model.StatusCreated
	case task.Status_RUNNING, task.Status_PAUSING:
		return model.StatusRunning
	case task.Status_PAUSED:
		return model.StatusPaused
	case task.Status_STOPPED:
		return model.StatusExited
	}
	return strings.ToLower(s.String())
}

func when(t *timestamppb.Timestamp) time.Time {
	if t.CheckValid() != nil {
		return time.Time{}
	}
	return t.AsTime()
}
