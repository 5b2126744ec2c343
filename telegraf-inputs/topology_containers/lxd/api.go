package lxd

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// response is what the daemon answers (doc/rest-api.md of LXD).
type response struct {
	Type      string          `json:"type"` // sync, async, error
	Code      int             `json:"status_code"`
	ErrorCode int             `json:"error_code"`
	Error     string          `json:"error"`
	Metadata  json.RawMessage `json:"metadata"`
}

// server is the part of /1.0 that is used.
type server struct {
	Auth       string   `json:"auth"`
	Extensions []string `json:"api_extensions"`
	Env        struct {
		Server    string `json:"server"`
		Version   string `json:"server_version"`
		Name      string `json:"server_name"`
		Clustered bool   `json:"server_clustered"`
	} `json:"environment"`
}

// Instance is one container or virtual machine, as the daemon tells.
type Instance struct {
	Name         string `json:"name"`
	Project      string `json:"project"`
	Type         string `json:"type"` // container, virtual-machine
	Location     string `json:"location"`
	Architecture string `json:"architecture"`
	Description  string `json:"description"`
	Status       string `json:"status"`

	Ephemeral bool      `json:"ephemeral"`
	Stateful  bool      `json:"stateful"`
	Restore   string    `json:"restore"`
	Profiles  []string  `json:"profiles"`
	CreatedAt time.Time `json:"created_at"`

	Config          map[string]string            `json:"config"`
	ExpandedConfig  map[string]string            `json:"expanded_config"`
	Devices         map[string]map[string]string `json:"devices"`
	ExpandedDevices map[string]map[string]string `json:"expanded_devices"`
	State           *State                       `json:"state"`
}

// State is what changes while an instance runs.
type State struct {
	Status  string               `json:"status"`
	PID     int                  `json:"pid"`
	Network map[string]Interface `json:"network"`
}

// Interface is a network interface of an instance.
type Interface struct {
	MAC       string    `json:"hwaddr"`
	HostName  string    `json:"host_name"`
	MTU       int       `json:"mtu"`
	State     string    `json:"state"`
	Type      string    `json:"type"`
	Addresses []Address `json:"addresses"`
}

// Address is one address of an interface.
type Address struct {
	Family  string `json:"family"` // inet, inet6
	Address string `json:"address"`
	Netmask string `json:"netmask"` // the length of the prefix
	Scope   string `json:"scope"`   // global, link, local
}

// ErrNotFound is wrapped by the error about an instance that is not there.
var ErrNotFound = errors.New("not found")

var errElsewhere = errors.New("at another member of the cluster")

// parseResponse returns the metadata of an answer.
func parseResponse(b []byte) (json.RawMessage, error) {
	var r response
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("parse answer: %w", err)
	}
	switch {
	case r.Type == "error" && r.ErrorCode == 404:
		return nil, fmt.Errorf("%w: %s", ErrNotFound, r.Error)
	case r.Type == "error":
		return nil, fmt.Errorf("the daemon answers %d: %s", r.ErrorCode, r.Error)
	case r.Type != "sync" || len(r.Metadata) == 0:
		return nil, fmt.Errorf("the daemon answers with a response of type %q", r.Type)
	}
	return r.Metadata, nil
}

func parseServer(raw json.RawMessage) (server, error) {
	var s server
	if err := json.Unmarshal(raw, &s); err != nil {
		return server{}, fmt.Errorf("parse what the daemon is: %w", err)
	}
	return s, nil
}

func parseState(raw json.RawMessage) (*State, error) {
	var s State
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, fmt.Errorf("parse state of instance: %w", err)
	}
	return &s, nil
}

// parseInstances parses the answer to the question for all instances.
func parseInstances(b []byte) ([]Instance, error) {
	raw, err := parseResponse(b)
	if err != nil {
		return nil, err
	}
	var all []Instance
	if err := json.Unmarshal(raw, &all); err != nil {
		return nil, fmt.Errorf("parse instances: %w", err)
	}
	for i := range all {
		if err := all[i].check(); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// parseInstance parses the answer to the question for one.
func parseInstance(b []byte) (*Instance, error) {
	raw, err := parseResponse(b)
	if err != nil {
		return nil, err
	}
	var i Instance
	if err := json.Unmarshal(raw, &i); err != nil {
		return nil, fmt.Errorf("parse instance: %w", err)
	}
	return &i, i.check()
}

// check completes what older daemons leave out.
func (i *Instance) check() error {
	if i.Name == "" {
		return errors.New("parse instance: it has no name")
	}
	if i.Project == "" {
		i.Project = defaultProject
	}
	if i.Type == "" {
		i.Type = "container"
	}
	return nil
}

const defaultProject = "default"

// key is how an instance is asked for. Names may change, and be used again.
type key struct{ project, name string }

// event is something that happened to an instance.
type event struct {
	action string
	key    key
	// old is what it was called before, if its name changed.
	old key
	// location is the member of the cluster.
	location string
}

// deleted reports whether it is the end of the instance.
func (e *event) deleted() bool { return strings.HasSuffix(e.action, "-deleted") }

// parseEvent parses a message of /1.0/events. ok is false for those that are not
// of an instance.
func parseEvent(b []byte) (ev event, ok bool, err error) {
	var m struct {
		Type     string `json:"type"`
		Project  string `json:"project"`
		Location string `json:"location"`
		Metadata struct {
			Action  string `json:"action"`
			Source  string `json:"source"`
			Project string `json:"project"`
			Context struct {
				OldName string `json:"old_name"`
			} `json:"context"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return event{}, false, fmt.Errorf("parse event: %w", err)
	}
	action := m.Metadata.Action
	if m.Type != "lifecycle" || !strings.HasPrefix(action, "instance-") && !strings.HasPrefix(action, "container-") &&
		!strings.HasPrefix(action, "virtual-machine-") {
		return event{}, false, nil
	}
	// The source is the path of the instance, or of what is below it (a snapshot,
	// a backup); the project is a parameter of it, or of the event.
	source, err := url.Parse(m.Metadata.Source)
	if err != nil {
		return event{}, false, fmt.Errorf("parse source of event: %w", err)
	}
	parts := strings.Split(strings.TrimPrefix(source.Path, "/1.0/"), "/")
	if len(parts) != 2 || parts[1] == "" {
		return event{}, false, nil
	}
	switch parts[0] {
	case "instances", "containers", "virtual-machines":
	default:
		return event{}, false, nil
	}
	ev = event{action: action, location: m.Location, key: key{defaultProject, parts[1]}}
	for _, project := range []string{source.Query().Get("project"), m.Metadata.Project, m.Project} {
		if project != "" {
			ev.key.project = project
			break
		}
	}
	if old := m.Metadata.Context.OldName; old != "" {
		ev.old = key{ev.key.project, old}
	}
	return ev, true, nil
}
