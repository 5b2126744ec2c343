package runtimedir

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/telegraf-inputs/topology_containers/container"
	"github.com/skein-net/skein/telegraf-inputs/topology_containers/runtimedir/files"
	"github.com/skein-net/skein/telegraf-inputs/topology_containers/runtimedir/pidwatch"
)

// found is one container in a state directory. It is not changed once it is
// kept, but for watched.
type found struct {
	root, dir string
	// rank is the place of its root among Config.Dirs.
	rank int

	stamp files.Stamp
	state *State
	// created is what the bundle's create-config says.
	created createConfig
	// hostsStamp and hosts are of its /etc/hosts.
	hostsStamp files.Stamp
	hosts      *container.Hosts

	id      entity.UUID
	event   entity.Event
	running bool
	// watched tells that the end of its process will be told.
	watched bool
}

func (c *found) pid() int {
	if c.state == nil {
		return 0
	}
	return c.state.PID
}

// errOwner is why a state is not believed.
var errOwner = errors.New("the process is not in a user namespace of the state's owner")

// read returns what the container is now. An error that wraps os.ErrNotExist
// says that there is no state.
func (c *found) read(cfg *Config, mapper *container.Mapper) (*found, error) {
	n := &found{
		root: c.root, dir: c.dir, rank: c.rank, stamp: c.stamp, state: c.state, created: c.created,
		hosts: c.hosts, hostsStamp: c.hostsStamp, watched: c.watched,
	}
	owner, err := files.Trust(c.root)
	if err != nil {
		return nil, err
	}
	if err := n.readState(owner); err != nil {
		return nil, err
	}
	s := n.state
	procDir := mapper.ProcDir()
	n.running = s.PID > 0 && pidwatch.Alive(procDir, s.PID, s.StartTime)
	if n.running && owner != files.Anyone && !pidwatch.OwnedBy(procDir, s.PID, uint32(owner)) {
		return nil, fmt.Errorf("%w: %w", ErrState, errOwner)
	}
	n.readHosts(owner)
	info := describe(s, n.created)
	info.Scope = scope(c.root)
	info.Hosts = n.hosts
	switch {
	case !n.running:
		info.Status, info.InitPID = container.StatusExited, 0
	case exists(filepath.Join(c.dir, "exec.fifo")):
		info.Status = container.StatusCreated
	case frozen(cfg.CgroupDir, s.Freezer):
		info.Status = container.StatusPaused
	default:
		info.Status = container.StatusRunning
	}
	n.event = mapper.Event(info)
	n.id = n.event.UUID()
	return n, nil
}

// readState reads the state, unless it is the one that is known.
func (c *found) readState(owner int64) error {
	file, parse := filepath.Join(c.dir, "state.json"), ParseRunc
	st, err := files.StampOf(file)
	if errors.Is(err, os.ErrNotExist) {
		file = filepath.Join(c.dir, "status")
		parse = func(b []byte) (*State, error) { return ParseCrun(filepath.Base(c.dir), b) }
		st, err = files.StampOf(file)
	}
	if err != nil {
		return err
	}
	if c.state != nil && st == c.stamp {
		return nil
	}
	b, err := files.Read(file, maxState, owner)
	if err != nil {
		return err
	}
	s, err := parse(b)
	if err != nil {
		return err
	}
	if s.ID != filepath.Base(c.dir) {
		return fmt.Errorf("%w: ID %q in directory %s", ErrState, s.ID, filepath.Base(c.dir))
	}
	c.created = createConfig{}
	c.readBundle(s, owner)
	c.stamp, c.state, c.hosts, c.hostsStamp = st, s, nil, files.Stamp{}
	return nil
}

// readBundle reads what is in the bundle. There may be nothing: it is the
// runtime's state that counts.
func (c *found) readBundle(s *State, owner int64) {
	for _, file := range []string{filepath.Join(c.dir, "config.json"), filepath.Join(s.Bundle, "config.json")} {
		if len(s.Annotations) > 0 && s.HostsFile != "" || !filepath.IsAbs(file) {
			break
		}
		if b, err := files.Read(file, maxConfig, owner); err == nil && s.ParseConfig(b) == nil {
			break
		}
	}
	if !filepath.IsAbs(s.Bundle) {
		return
	}
	if b, err := files.Read(filepath.Join(s.Bundle, "artifacts/create-config"), maxConfig, owner); err == nil {
		if json.Unmarshal(b, &c.created) != nil {
			c.created = createConfig{}
		}
	}
}

// readHosts reads the container's /etc/hosts, unless it is as it was.
func (c *found) readHosts(owner int64) {
	if c.state.HostsFile == "" {
		return
	}
	st, err := files.StampOf(c.state.HostsFile)
	if err != nil || st == c.hostsStamp {
		return
	}
	b, err := files.Read(c.state.HostsFile, maxHosts, owner)
	if err != nil {
		return
	}
	if h, err := container.ParseHosts(bytes.NewReader(b), c.state.Hostname); err == nil {
		c.hosts, c.hostsStamp = h, st
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// frozen reports whether a control group is frozen. path is the one within the
// hierarchy, or below /sys/fs/cgroup.
func frozen(cgroups, path string) bool {
	if path == "" {
		return false
	}
	for _, mount := range []string{"/sys/fs/cgroup/freezer", "/sys/fs/cgroup/unified", "/sys/fs/cgroup"} {
		if rest, ok := strings.CutPrefix(path, mount); ok {
			path = rest
			break
		}
	}
	for file, want := range map[string]string{
		filepath.Join(cgroups, "freezer", path, "freezer.state"): "FROZEN",
		filepath.Join(cgroups, path, "cgroup.freeze"):            "1",
		filepath.Join(cgroups, "unified", path, "cgroup.freeze"): "1",
	} {
		if b, err := files.Read(file, 64, files.Anyone); err == nil && strings.TrimSpace(string(b)) == want {
			return true
		}
	}
	return false
}
