package runtimedir

import (
	"encoding/json"
	"fmt"
	"path"
	"strings"
	"time"
)

// runcState is the part of libcontainer.State that is used.
type runcState struct {
	ID        string    `json:"id"`
	PID       int       `json:"init_process_pid"`
	StartTime uint64    `json:"init_process_start"`
	Created   time.Time `json:"created"`
	Rootless  bool      `json:"rootless"`
	Config    struct {
		RootFS   string      `json:"rootfs"`
		Hostname string      `json:"hostname"`
		Labels   []string    `json:"labels"`
		Mounts   []runcMount `json:"mounts"`
	} `json:"config"`
	Cgroups map[string]string `json:"cgroup_paths"`
}

type runcMount struct {
	Source      string `json:"source"`
	Destination string `json:"destination"`
}

// ParseRunc reads a state.json of runc. Its labels are the annotations of the
// OCI configuration and "bundle", which runc adds.
func ParseRunc(b []byte) (*State, error) {
	var r runcState
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrState, err)
	}
	if r.ID == "" || r.PID < 0 {
		return nil, fmt.Errorf("%w: ID %q, process %d", ErrState, r.ID, r.PID)
	}
	s := &State{
		ID:        r.ID,
		Runtime:   "runc",
		PID:       r.PID,
		StartTime: r.StartTime,
		Created:   r.Created,
		RootFS:    r.Config.RootFS,
		Hostname:  r.Config.Hostname,
		Rootless:  r.Rootless,
	}
	for _, label := range r.Config.Labels {
		key, value, ok := strings.Cut(label, "=")
		switch {
		case !ok || key == "":
		case key == "bundle":
			s.Bundle = value
		default:
			s.annotate(key, value)
		}
	}
	for _, m := range r.Config.Mounts {
		if path.Clean(m.Destination) == "/etc/hosts" && path.IsAbs(m.Source) {
			s.HostsFile = m.Source
		}
	}
	// Version 1 has a path for each controller, version 2 one without a name.
	if s.Freezer = r.Cgroups["freezer"]; s.Freezer == "" {
		s.Freezer = r.Cgroups[""]
	}
	return s, nil
}

func (s *State) annotate(key, value string) {
	if s.Annotations == nil {
		s.Annotations = make(map[string]string)
	}
	s.Annotations[key] = value
}
