package sockets

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// maxProcesses bounds what is remembered of processes.
const maxProcesses = 16384

// processes makes processes of what events and proc(5) say. It is for one
// goroutine.
type processes struct {
	root    string
	cgroups *cgroups
	// mixed is set where there are hierarchies of version 1: containers may be
	// told apart there only.
	mixed bool
	known map[uint32]identity
}

// identity is what an event says of a process, and what was made of it.
type identity struct {
	cgroup    uint64
	exe, comm string
	process   *process
}

func newProcesses(root string, c *cgroups) *processes {
	p := &processes{root: root, cgroups: c, known: make(map[uint32]identity)}
	b, err := os.ReadFile(filepath.Join(root, "self/cgroup"))
	p.mixed = err == nil && strings.Count(string(b), "\n") > 1
	return p
}

// event gives the process that an event names, nil for none.
func (ps *processes) event(e *event) *process {
	if e.pid == 0 {
		return nil
	}
	k, ok := ps.known[e.pid]
	if ok && k.cgroup == e.cgroup && k.comm == e.comm && (k.exe == e.exe || e.exe == "") {
		return k.process
	}
	p := &process{pid: int64(e.pid), name: e.exe}
	if p.name == "" {
		p.name = e.comm
	}
	p.cgroup = ps.cgroups.path(e.cgroup)
	p.containerID = containerOf(p.cgroup)
	if p.cgroup == "" || p.containerID == "" && ps.mixed {
		path, id := ps.cgroup(int64(e.pid))
		if p.cgroup == "" {
			p.cgroup = path
		}
		p.containerID = id
	}
	if len(ps.known) >= maxProcesses {
		clear(ps.known)
	}
	ps.known[e.pid] = identity{e.cgroup, e.exe, e.comm, p}
	return p
}

func (ps *processes) cgroup(pid int64) (path, id string) {
	b, err := os.ReadFile(ps.path(pid, "cgroup"))
	if err != nil {
		return "", ""
	}
	return parseCgroups(b)
}

func (ps *processes) path(pid int64, file string) string {
	return ps.root + "/" + strconv.FormatInt(pid, 10) + "/" + file
}

// read gives a process by proc(5), nil when there is none any more.
func (ps *processes) read(pid int64) *process {
	p := &process{pid: pid}
	if exe, err := os.Readlink(ps.path(pid, "exe")); err == nil {
		p.name = filepath.Base(strings.TrimSuffix(exe, " (deleted)"))
	} else if comm, err := os.ReadFile(ps.path(pid, "comm")); err == nil {
		p.name = strings.TrimSpace(string(comm))
	} else {
		return nil
	}
	p.cgroup, p.containerID = ps.cgroup(pid)
	return p
}

// cgroups finds the paths of cgroups of version 2 by their numbers.
type cgroups struct {
	mount string
	fd    int
	known map[uint64]string
}

// newCgroups finds where the hierarchy is mounted. Without it no path is found.
func newCgroups(proc string) *cgroups {
	c := &cgroups{fd: -1, known: make(map[uint64]string)}
	b, err := os.ReadFile(filepath.Join(proc, "self/mountinfo"))
	if err != nil {
		return c
	}
	c.mount = cgroupMount(string(b))
	if c.mount == "" {
		return c
	}
	if c.fd, err = unix.Open(c.mount, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
		c.fd = -1
	}
	return c
}

// cgroupMount finds the mount point of cgroup2 in mountinfo (proc(5)).
func cgroupMount(mountinfo string) string {
	for line := range strings.Lines(mountinfo) {
		before, after, ok := strings.Cut(line, " - ")
		fields := strings.Fields(before)
		if ok && strings.HasPrefix(after, "cgroup2 ") && len(fields) > 4 {
			return fields[4]
		}
	}
	return ""
}

func (c *cgroups) close() {
	if c.fd >= 0 {
		_ = unix.Close(c.fd)
		c.fd = -1
	}
}

// handleKernFS is the kernel's FILEID_KERNFS: the number of a cgroup is a handle of
// its folder.
const handleKernFS = 0xfe

// path finds the path of a cgroup below the root, "" when it is gone.
func (c *cgroups) path(id uint64) string {
	if c.fd < 0 || id == 0 {
		return ""
	}
	if p, ok := c.known[id]; ok {
		return p
	}
	b := make([]byte, 8)
	binary.NativeEndian.PutUint64(b, id)
	fd, err := unix.OpenByHandleAt(c.fd, unix.NewFileHandle(handleKernFS, b), unix.O_PATH|unix.O_CLOEXEC)
	if err != nil {
		return ""
	}
	defer unix.Close(fd) //nolint:errcheck // nothing to be done
	full, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
	if err != nil || !strings.HasPrefix(full, c.mount) {
		return ""
	}
	p := strings.TrimPrefix(full, c.mount)
	if p == "" {
		p = "/"
	}
	if len(c.known) >= maxProcesses {
		clear(c.known)
	}
	c.known[id] = p
	return p
}
