package lxc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/skein-net/skein/telegraf-inputs/topology_containers/container"
	"github.com/skein-net/skein/telegraf-inputs/topology_containers/runtimedir/files"
	"github.com/skein-net/skein/telegraf-inputs/topology_containers/runtimedir/pidwatch"
)

// state is what a container is doing.
type state struct {
	status string // one of the words of all runtimes
	pid    int    // 0: it has no process
}

func (s state) running() bool { return s.status != "" && s.status != container.StatusExited }

// errNotBelieved is why an answer does not count.
var errNotBelieved = errors.New("the monitor is not that of the container's owner")

// state finds out what a container is doing.
func (s *Source) state(ctx context.Context, k key) (state, error) {
	a, err := ask(ctx, k.path, k.name, s.cfg.Timeout)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, os.ErrNotExist):
		return state{status: container.StatusExited}, nil
	case err != nil && ctx.Err() == nil && !listening(ctx, k):
		// It ended while it was asked.
		return state{status: container.StatusExited}, nil
	case err != nil:
		return state{}, err
	}
	if err := s.believe(k, a); err != nil {
		return state{}, err
	}
	st := state{pid: a.pid}
	switch a.state {
	case stateStarting:
		st.status = container.StatusCreated
	case stateRunning, stateThawed, stateFreezing:
		st.status = container.StatusRunning
	case stateFrozen:
		st.status = container.StatusPaused
	case stateStopped, stateStopping, stateAborting:
		st = state{status: container.StatusExited}
	default:
		return state{}, fmt.Errorf("%w: state %d", errAnswer, a.state)
	}
	if st.pid > 0 && !pidwatch.Alive(s.mapper.ProcDir(), st.pid, 0) {
		st = state{status: container.StatusExited}
	}
	// The monitor itself does not know who is frozen.
	if st.status == container.StatusRunning && s.frozen(st.pid) {
		st.status = container.StatusPaused
	}
	return st, nil
}

// listening reports whether a monitor is there.
func listening(ctx context.Context, k key) bool {
	c, err := (&net.Dialer{}).DialContext(ctx, "unix", "@"+socketName(k.path, k.name))
	if err == nil {
		_ = c.Close()
	}
	return !errors.Is(err, syscall.ECONNREFUSED)
}

// believe checks who answers: root, ourselves, or the owner of the container for
// a process in a user namespace of his.
func (s *Source) believe(k key, a answer) error {
	if a.uid == 0 || int(a.uid) == os.Geteuid() {
		return nil
	}
	info, err := os.Stat(k.dir())
	if err != nil || files.OwnerOf(info) != int64(a.uid) {
		return errNotBelieved
	}
	if a.pid > 0 && !pidwatch.OwnedBy(s.mapper.ProcDir(), a.pid, a.uid) {
		return errNotBelieved
	}
	return nil
}

// frozen reports whether the control group of a process is frozen.
func (s *Source) frozen(pid int) bool {
	b, err := files.Read(filepath.Join(s.mapper.ProcDir(), strconv.Itoa(pid), "cgroup"), 64<<10, files.Anyone)
	if err != nil {
		return false
	}
	is := func(want string, path ...string) bool {
		b, err := files.Read(filepath.Join(append([]string{s.cfg.CgroupDir}, path...)...), 4<<10, files.Anyone)
		return err == nil && bytes.Contains(b, []byte(want))
	}
	for line := range strings.Lines(string(b)) {
		// cgroups(7): hierarchy-ID:controller-list:cgroup-path
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		switch {
		case len(parts) != 3:
		case parts[1] == "freezer":
			if is("FROZEN", "freezer", parts[2], "freezer.state") {
				return true
			}
		case parts[0] == "0":
			if is("frozen 1", parts[2], "cgroup.events") || is("frozen 1", "unified", parts[2], "cgroup.events") {
				return true
			}
		}
	}
	return false
}
