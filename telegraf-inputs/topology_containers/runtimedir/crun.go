package runtimedir

import (
	"encoding/json"
	"fmt"
	"path"
	"time"
)

// crunStatus is the part of crun's status file that is used
// (libcrun_container_status_t).
type crunStatus struct {
	PID       int    `json:"pid"`
	StartTime uint64 `json:"process-start-time"`
	Cgroup    string `json:"cgroup-path"`
	RootFS    string `json:"rootfs"`
	Bundle    string `json:"bundle"`
	Created   string `json:"created"`
	Owner     string `json:"owner"`
}

// ociConfig is the part of config.json that is used (OCI runtime specification,
// config.md).
type ociConfig struct {
	Hostname    string            `json:"hostname"`
	Annotations map[string]string `json:"annotations"`
	Mounts      []runcMount       `json:"mounts"`
}

// ParseCrun reads a status file of crun, which does not hold the container's ID:
// the name of its directory does.
func ParseCrun(id string, b []byte) (*State, error) {
	var c crunStatus
	if err := json.Unmarshal(b, &c); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrState, err)
	}
	if id == "" || c.PID < 0 || c.Bundle == "" {
		return nil, fmt.Errorf("%w: ID %q, process %d, bundle %q", ErrState, id, c.PID, c.Bundle)
	}
	s := &State{
		ID:        id,
		Runtime:   "crun",
		PID:       c.PID,
		StartTime: c.StartTime,
		Bundle:    c.Bundle,
		RootFS:    c.RootFS,
		Owner:     c.Owner,
		Rootless:  c.Owner != "" && c.Owner != "root",
	}
	if s.RootFS != "" && !path.IsAbs(s.RootFS) {
		s.RootFS = path.Join(s.Bundle, s.RootFS)
	}
	if path.IsAbs(c.Cgroup) {
		s.Freezer = path.Clean(c.Cgroup)
	}
	// A time of another form is no reason not to have the container.
	if t, err := time.Parse(time.RFC3339, c.Created); err == nil {
		s.Created = t
	}
	return s, nil
}

// ParseConfig adds to s what a config.json says.
func (s *State) ParseConfig(b []byte) error {
	var c ociConfig
	if err := json.Unmarshal(b, &c); err != nil {
		return fmt.Errorf("parse configuration of bundle: %w", err)
	}
	if s.Hostname == "" {
		s.Hostname = c.Hostname
	}
	for key, value := range c.Annotations {
		if key != "" {
			s.annotate(key, value)
		}
	}
	for _, m := range c.Mounts {
		if s.HostsFile == "" && path.Clean(m.Destination) == "/etc/hosts" && path.IsAbs(m.Source) {
			s.HostsFile = m.Source
		}
	}
	return nil
}
