package lldpcli

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/skein-net/skein/internal/netns"
	"github.com/skein-net/skein/telegraf-inputs/internal/feed"
)

// namespace returns the network namespace that lldpd runs in: that of the process
// behind its socket. The caller closes it.
func (s *Source) namespace() (*netns.NS, error) {
	d := net.Dialer{Timeout: time.Second}
	c, err := d.Dial("unix", s.cfg.Socket)
	switch {
	case errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return nil, feed.Absent(fmt.Errorf("connect to lldpd: %w", err))
	case err != nil:
		return nil, fmt.Errorf("connect to lldpd: %w", err)
	}
	defer c.Close() //nolint:errcheck // nothing was written
	if pid := peer(c); pid > 0 {
		if ns, err := netns.Open(s.cfg.ProcDir + "/" + strconv.Itoa(pid) + "/ns/net"); err == nil {
			return ns, nil
		}
	}
	if s.cfg.RootNetNS != "" {
		return netns.Open(s.cfg.RootNetNS)
	}
	return netns.Current()
}

// peer returns the process that listens at the other end, 0 when it is not
// visible from here.
func peer(c net.Conn) (pid int) {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return 0
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return 0
	}
	_ = raw.Control(func(fd uintptr) {
		if cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			pid = int(cred.Pid)
		}
	})
	return pid
}

// indexes returns the indexes of the interfaces of a namespace by name.
func indexes(ns *netns.NS) (map[string]int32, error) {
	var links []net.Interface
	err := ns.Do(func() (err error) {
		links, err = net.Interfaces()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list interfaces of lldpd's network namespace: %w", err)
	}
	out := make(map[string]int32, len(links))
	for _, l := range links {
		out[l.Name] = int32(l.Index)
	}
	return out, nil
}
