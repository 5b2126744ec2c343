package container

import (
	"net/netip"
	"time"

	"github.com/skein-net/skein/internal/entity"
)

// The sources, one for each kind of runtime. A source is also the value of the
// attribute Manager.
const (
	SourceDocker     = "docker"
	SourcePodman     = "podman"
	SourceContainerd = "containerd"
	SourceCrio       = "crio"
	SourceRunc       = "runc" // crun, too: the attribute Runtime tells them apart
	SourceLXD        = "lxd"
	SourceLXC        = "lxc"
)

// The values of Status. Runtimes have more words than there are states: exited
// is also what others call stopped.
const (
	StatusCreated    = "created"
	StatusRunning    = "running"
	StatusPaused     = "paused"
	StatusRestarting = "restarting"
	StatusRemoving   = "removing"
	StatusExited     = "exited"
	StatusDead       = "dead"
)

// KindVirtualMachine is the kind of virtual machines, which LXD has, too.
const KindVirtualMachine = "virtual-machine"

// Container is one container as one runtime sees it. What a runtime does not
// know stays at its zero value and is not reported.
type Container struct {
	// Source is the runtime that speaks, one of the constants above.
	Source string
	// ID is the runtime's own. One of 64 hexadecimal digits is unique in the
	// world; any other is unique only within Scope.
	ID string
	// Scope makes an ID unique on this host that is not by itself, for example
	// "containerd/default"; see [Mapper.Ref]. Unused for 64 hexadecimal digits.
	Scope string
	// Identity replaces what follows from ID and Scope as the identity of the
	// entity, for runtimes that have a better one (LXD's volatile.uuid).
	Identity string

	// Name is what people call it, without a leading slash. Empty: the ID.
	Name string
	// Image is the image's name as it was asked for, ImageID its digest.
	Image, ImageID string
	// Kind is KindVirtualMachine, or empty for what is really a container.
	Kind string
	// Runtime is who runs it at the bottom: runc, crun, io.containerd.runc.v2.
	Runtime string
	// Status is one of the constants above.
	Status string
	// ExitCode is that of the last run; nil when it runs, or nobody knows.
	ExitCode *int
	Created  time.Time
	Labels   map[string]string
	// Annotations are those of the OCI specification. They are looked at for a
	// pod, not reported.
	Annotations map[string]string
	Hostname    string
	// Hosts is the content of its /etc/hosts; nil when not known.
	Hosts *Hosts
	// Networks are those it is attached to, as the runtime sees them.
	Networks []Network
	// Ports are those that it is reached by through the host.
	Ports []Port
	// Pod is the pod of Kubernetes; nil: found by labels and annotations.
	Pod *Pod

	// InitPID is its first process, as the host counts; 0: it has none now.
	InitPID int
	// InitTicks is when that process started, in clock ticks since boot (field
	// 22 of /proc/PID/stat, proc(5)); 0 when not known. Started is the same by
	// the clock, less exactly. Both guard against a number that meanwhile
	// belongs to another process.
	InitTicks uint64
	Started   time.Time
	// NetNSPath leads to its network namespace where its process cannot be seen;
	// it is used after InitPID, and only while the container has a process.
	NetNSPath string

	// Own is what only this runtime knows, reported as a map under OwnKey, for
	// example Docker; normalized.
	OwnKey string
	Own    entity.Attrs
	// Truncated names what the runtime's package had to cut already.
	Truncated []string
	// Limitations says what could not be found out and why.
	Limitations []string
}

// HasProcess reports whether a container with this status has processes, and so
// a network namespace. One that was created may have.
func (c *Container) HasProcess() bool {
	switch c.Status {
	case StatusExited, StatusDead, StatusRemoving:
		return false
	}
	return c.InitPID > 0 || c.NetNSPath != ""
}

// Network is one network a container is attached to.
type Network struct {
	Name, ID   string
	MAC        string
	IPv4, IPv6 []netip.Prefix
	Gateways   []netip.Addr
	Aliases    []string
}

// Port is one port that the host forwards to a container.
type Port struct {
	HostIP   string
	HostPort uint16
	Port     uint16
	Protocol string // tcp, udp, sctp
}
