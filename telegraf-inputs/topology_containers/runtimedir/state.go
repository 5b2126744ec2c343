package runtimedir

import (
	"errors"
	"time"
)

// Limits of what is read. Files in a state directory are written by runtimes,
// those that they name may be a container's own.
const (
	maxState  = 4 << 20
	maxConfig = 4 << 20
	maxHosts  = 256 << 10
)

// ErrState is wrapped by errors about files that are no state of a container,
// or are half written.
var ErrState = errors.New("no state of a container")

// State is what a runtime knows of one container.
type State struct {
	// ID is the runtime's name of the container.
	ID string
	// Runtime is "runc" or "crun".
	Runtime string
	// PID is the container's first process, 0 when there is none, and StartTime
	// when that process started, in clock ticks since boot (proc_pid_stat(5),
	// field 22); 0 when it is not known.
	PID       int
	StartTime uint64
	Created   time.Time
	// Bundle and RootFS are directories of the host.
	Bundle, RootFS string
	Hostname       string
	// Annotations are those of the OCI configuration.
	Annotations map[string]string
	// HostsFile is the file of the host that is /etc/hosts in the container.
	HostsFile string
	// Freezer is the cgroup directory below /sys/fs/cgroup/freezer (version 1) or
	// /sys/fs/cgroup (version 2) in which the container is frozen.
	Freezer string
	// Rootless tells that no root ran the runtime; Owner is who did, if known.
	Rootless bool
	Owner    string
}
