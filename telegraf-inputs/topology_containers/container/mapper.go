package container

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/influxdata/telegraf/filter"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/netns"
)

// Config is what a [Mapper] needs to know of the host.
type Config struct {
	// HostID is host.id; see package hostid.
	HostID string
	// ProcDir is where the processes of the host are.
	ProcDir string
	// RootNetNS is a path to the namespace whose interfaces are the host's own;
	// empty: the one of the process itself.
	RootNetNS string
	// ExcludeLabels are patterns (Telegraf's, in which * stands for any text) of
	// the names of labels that are not reported.
	ExcludeLabels []string
}

// DefaultConfig returns the settings of an agent that runs on the host itself.
func DefaultConfig() Config { return Config{ProcDir: "/proc"} }

// Mapper makes entity events of containers. It may be used by several
// goroutines at once.
type Mapper struct {
	cfg     Config
	root    netns.ID
	exclude filter.Filter // nil: no label
}

// NewMapper returns a mapper. It looks at the host's own namespace, and fails
// when that cannot be seen.
func NewMapper(cfg Config) (*Mapper, error) {
	if cfg.HostID == "" {
		return nil, errors.New("no host ID")
	}
	path := cfg.RootNetNS
	if path == "" {
		path = "/proc/self/ns/net"
	}
	root, err := netns.Stat(path)
	if err != nil && !errors.Is(err, netns.ErrUnsupported) {
		return nil, fmt.Errorf("look at the network namespace of the host: %w", err)
	}
	exclude, err := filter.Compile(cfg.ExcludeLabels)
	if err != nil {
		return nil, fmt.Errorf("labels to leave out: %w", err)
	}
	cfg.ProcDir = filepath.Clean(cfg.ProcDir)
	return &Mapper{cfg: cfg, root: root, exclude: exclude}, nil
}

// ProcDir returns where the processes of the host are.
func (m *Mapper) ProcDir() string { return m.cfg.ProcDir }

// Ref names the container with an ID. An ID of 64 hexadecimal digits is taken
// as it is; any other is made unique by the host and the scope, as
// "HOST/SCOPE/ID". Those who report one container must agree on its scope:
//
//   - containerd/NAMESPACE: containers of containerd, and what runc keeps below
//     /run/containerd/runc/NAMESPACE for it;
//   - runc: containers of runc in its usual state directory; of another one the
//     scope is its path;
//   - lxd/PROJECT: instances of an LXD too old to give them a UUID;
//   - lxc/PATH: containers of LXC below a path.
func (m *Mapper) Ref(scope, id string) entity.Ref {
	if isGlobalID(id) {
		return entity.ContainerRef(id)
	}
	return entity.ContainerRef(entity.CleanText(m.cfg.HostID + "/" + scope + "/" + id))
}

// RefOf names a container.
func (m *Mapper) RefOf(c *Container) entity.Ref {
	if c.Identity != "" {
		return entity.ContainerRef(entity.CleanText(c.Identity))
	}
	return m.Ref(c.Scope, c.ID)
}

// isGlobalID reports whether id is a random one of 256 bits in hexadecimal.
func isGlobalID(id string) bool {
	if len(id) != 64 {
		return false
	}
	for i := range len(id) {
		if c := id[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// Event says what a container is now. The event is valid whatever the runtime
// said: what is too big or has no encoding is cut, and named in the attribute
// Truncated. c is not changed.
func (m *Mapper) Event(c *Container) entity.Event {
	cut := slices.Clone(c.Truncated)
	limits := slices.Clone(c.Limitations)
	ev := entity.Event{Kind: entity.State, Ref: m.RefOf(c), Source: c.Source}
	if c.HasProcess() {
		ns, err := m.Namespace(c)
		switch {
		case err == nil:
			ev.Relationships = []entity.Relationship{{Type: entity.RelPartOf, Target: m.parent(ns)}}
		case !errors.Is(err, ErrNoProcess):
			limits = append(limits, "network namespace: "+err.Error())
		}
	}
	name := c.Name
	if name == "" {
		name = c.ID
	}
	attrs := entity.Attrs{
		entity.A(entity.KeyName, Text(name)),
		entity.A(entity.KeyType, entity.String(entity.TypeContainer)),
		entity.A("Manager", Text(c.Source)),
		entity.A("Container", c.details(m.labels(c), &cut)),
	}
	pod := c.Pod
	if pod == nil {
		pod = FindPod(c.Labels, c.Annotations)
	}
	if pod != nil {
		attrs = append(attrs, entity.A("K8s", pod.value()))
	}
	if c.OwnKey != "" && len(c.Own) > 0 {
		attrs = append(attrs, entity.A(c.OwnKey, entity.Map(c.Own)))
	}
	ev.Attributes = bounded(ev, attrs, c.OwnKey, cut, limits)
	return ev
}

// parent is what a container with a namespace is part of.
func (m *Mapper) parent(ns netns.ID) entity.Ref {
	if ns == m.root {
		return entity.HostRef(m.cfg.HostID)
	}
	return entity.NetNSRef(m.cfg.HostID, strconv.FormatUint(ns.Inode, 10), strconv.FormatUint(ns.Dev, 10))
}

// bounded completes the attributes, and takes away what is too big for an
// event: first the runtime's own map, then the details.
func bounded(ev entity.Event, attrs entity.Attrs, own string, cut, limits []string) entity.Attrs {
	for _, drop := range []string{"", own, "Container", "K8s"} {
		if drop != "" {
			attrs = slices.DeleteFunc(attrs, func(a entity.Attr) bool { return a.Key == drop })
			cut = append(cut, drop)
		}
		out := slices.Clone(attrs)
		if len(cut) > 0 {
			slices.Sort(cut)
			cut = slices.Compact(cut)
			out = append(out, entity.A("Truncated", texts(cut)))
		}
		if len(limits) > 0 {
			out = append(out, entity.A("Limitations", texts(limits)))
		}
		ev.Attributes = out.Normalize()
		if ev.Validate() == nil {
			break
		}
	}
	return ev.Attributes
}

// labels are those of a container that are reported.
func (m *Mapper) labels(c *Container) map[string]string {
	if m.exclude == nil || len(c.Labels) == 0 {
		return c.Labels
	}
	out := maps.Clone(c.Labels)
	maps.DeleteFunc(out, func(name, _ string) bool { return m.exclude.Match(name) })
	return out
}

// details is the map Container; shown are the labels that are reported.
func (c *Container) details(shown map[string]string, cut *[]string) entity.Value {
	labels, short := TextMap(shown)
	if short {
		*cut = append(*cut, "Container.Labels")
	}
	a := entity.Attrs{
		entity.A("ID", Text(c.ID)),
		entity.A("Image", optional(c.Image)),
		entity.A("ImageID", optional(c.ImageID)),
		entity.A("Kind", optional(c.Kind)),
		entity.A("Runtime", optional(c.Runtime)),
		entity.A("Status", optional(c.Status)),
		entity.A("Hostname", optional(c.Hostname)),
		entity.A("Labels", labels),
	}
	if c.InitPID > 0 {
		a = append(a, entity.A("InitProcessPID", entity.Int(int64(c.InitPID))))
	}
	if c.ExitCode != nil && c.Status == StatusExited {
		a = append(a, entity.A("ExitCode", entity.Int(int64(*c.ExitCode))))
	}
	if c.Created.Unix() > 0 {
		a = append(a, entity.A("Created", entity.String(c.Created.UTC().Format(time.RFC3339))))
	}
	if p := compose(c.Labels); p != nil {
		a = append(a, entity.A("Compose", entity.Map(p)))
	}
	if c.Hosts != nil {
		v, short := c.Hosts.value()
		if short {
			*cut = append(*cut, "Container.Hosts")
		}
		a = append(a, entity.A("Hosts", v))
	}
	if len(c.Networks) > 0 {
		v, short := networks(c.Networks)
		if short {
			*cut = append(*cut, "Container.Networks")
		}
		a = append(a, entity.A("Networks", v))
	}
	if len(c.Ports) > 0 {
		v, short := ports(c.Ports)
		if short {
			*cut = append(*cut, "Container.Ports")
		}
		a = append(a, entity.A("Ports", v))
	}
	return entity.Map(a.Normalize())
}
