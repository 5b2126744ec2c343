package lxc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// ask asks the monitor of a container. An error that wraps unix.ECONNREFUSED says
// that there is none: the container does not run.
func ask(ctx context.Context, path, name string, timeout time.Duration) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var a answer
	// A monitor answers one command in each connection.
	state, uid, err := command(ctx, path, name, cmdGetState)
	if err != nil {
		return answer{}, err
	}
	a.state, a.uid = monitorState(state), uid
	switch a.state {
	case stateStopped, stateStarting:
		return a, nil
	}
	a.pid, _, err = command(ctx, path, name, cmdGetInitPID)
	return a, err
}

func command(ctx context.Context, path, name string, cmd int32) (number int, uid uint32, err error) {
	c, err := (&net.Dialer{}).DialContext(ctx, "unix", "@"+socketName(path, name))
	if err != nil {
		return 0, 0, fmt.Errorf("connect to monitor: %w", err)
	}
	defer c.Close() //nolint:errcheck // the answer was read
	conn, ok := c.(*net.UnixConn)
	if !ok {
		return 0, 0, errors.New("connect to monitor: no Unix socket")
	}
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return 0, 0, fmt.Errorf("connect to monitor: %w", err)
		}
	}
	if uid, err = peer(conn); err != nil {
		return 0, 0, err
	}
	// The monitor wants to know who asks.
	oob := unix.UnixCredentials(&unix.Ucred{Pid: int32(os.Getpid()), Uid: uint32(os.Getuid()), Gid: uint32(os.Getgid())})
	if _, _, err := conn.WriteMsgUnix(request(cmd), oob, nil); err != nil {
		return 0, 0, fmt.Errorf("ask monitor: %w", err)
	}
	b := make([]byte, messageSize)
	if _, err := io.ReadFull(conn, b); err != nil {
		return 0, 0, fmt.Errorf("read answer of monitor: %w", err)
	}
	number, err = parseAnswer(b)
	return number, uid, err
}

// peer returns the user who listens at the other end.
func peer(conn *net.UnixConn) (uint32, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("find out who the monitor is: %w", err)
	}
	var cred *unix.Ucred
	var failed error
	if err := raw.Control(func(fd uintptr) {
		cred, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return 0, fmt.Errorf("find out who the monitor is: %w", err)
	}
	if failed != nil {
		return 0, fmt.Errorf("find out who the monitor is: %w", failed)
	}
	return cred.Uid, nil
}
