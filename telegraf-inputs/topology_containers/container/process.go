package container

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/skein-net/skein/internal/netns"
)

// ErrNoProcess is wrapped when a container's process is not there, or is another
// one that got its number. It ended a moment ago, and its runtime will say so.
var ErrNoProcess = errors.New("the container's process is gone")

// lateStart is by how much a process may seem to have started after its
// container: runtimes write their time down before or after, and clocks are set.
const lateStart = 10 * time.Second

// ticksPerSecond is USER_HZ, in which /proc counts on every architecture.
const ticksPerSecond = 100

// Namespace returns the network namespace of a container, by its process or,
// where processes cannot be seen, by its file.
func (m *Mapper) Namespace(c *Container) (netns.ID, error) {
	var err error
	if c.InitPID > 0 {
		var ns netns.ID
		if ns, err = m.ofProcess(c); err == nil {
			return ns, nil
		}
	}
	if c.NetNSPath != "" {
		ns, e := netns.Stat(c.NetNSPath)
		if e == nil {
			return ns, nil
		}
		if err == nil {
			err = e
		}
	}
	if err == nil {
		err = ErrNoProcess
	}
	return netns.ID{}, err
}

// ofProcess looks at the process before and after it looks at the namespace, so
// that all is of one and the same process.
func (m *Mapper) ofProcess(c *Container) (netns.ID, error) {
	dir := filepath.Join(m.cfg.ProcDir, strconv.Itoa(c.InitPID))
	before, err := startTicks(dir)
	if err != nil {
		return netns.ID{}, err
	}
	if !m.belongs(c, dir, before) {
		return netns.ID{}, fmt.Errorf("%w: number %d is of another one", ErrNoProcess, c.InitPID)
	}
	ns, err := netns.Stat(dir + "/ns/net")
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			err = ErrNoProcess
		}
		return netns.ID{}, err
	}
	if after, err := startTicks(dir); err != nil || after != before {
		return netns.ID{}, ErrNoProcess
	}
	return ns, nil
}

// belongs reports whether a process can be the one of a container: it started
// when it should have, or its control groups are named after the container. What
// nobody knows speaks for it.
func (m *Mapper) belongs(c *Container, dir string, ticks uint64) bool {
	if c.InitTicks > 0 {
		return c.InitTicks == ticks
	}
	if c.Started.Unix() <= 0 {
		return true
	}
	if boot, ok := m.bootTime(); !ok || !boot.Add(time.Duration(ticks)*time.Second/ticksPerSecond).After(c.Started.Add(lateStart)) {
		return true
	}
	groups, err := os.ReadFile(dir + "/cgroup")
	return err != nil || strings.Contains(string(groups), c.ID)
}

// startTicks returns when the process whose directory is given started, in
// clock ticks since boot.
func startTicks(dir string) (uint64, error) {
	b, err := os.ReadFile(dir + "/stat")
	if err != nil {
		if errors.Is(err, os.ErrPermission) {
			return 0, err
		}
		return 0, fmt.Errorf("%w: %w", ErrNoProcess, err)
	}
	return parseStartTicks(b)
}

// parseStartTicks reads field 22 of /proc/PID/stat. The name of the process,
// field 2 in parentheses, may hold anything, parentheses and spaces included.
func parseStartTicks(b []byte) (uint64, error) {
	end := bytes.LastIndexByte(b, ')')
	fields := bytes.Fields(b[end+1:])
	const index = 22 - 3 // the first field after the name is the third
	if end < 0 || len(fields) <= index {
		return 0, errors.New("the process has no start time")
	}
	ticks, err := strconv.ParseUint(string(fields[index]), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read start time of process: %w", err)
	}
	return ticks, nil
}

// bootTime reads btime of /proc/stat, which moves when the clock is set.
func (m *Mapper) bootTime() (time.Time, bool) {
	b, err := os.ReadFile(filepath.Join(m.cfg.ProcDir, "stat"))
	if err != nil {
		return time.Time{}, false
	}
	for line := range strings.Lines(string(b)) {
		if text, ok := strings.CutPrefix(line, "btime "); ok {
			sec, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
			return time.Unix(sec, 0), err == nil
		}
	}
	return time.Time{}, false
}
