package ovstest

import (
	"context"
	"errors"
	"os/exec"
	"syscall"

	"github.com/skein-net/skein/internal/proctest"
)

// KillDB kills ovsdb-server, which has no time to say goodbye.
func (i *Instance) KillDB() {
	i.t.Helper()
	i.db.End(i.t, syscall.SIGKILL)
}

// RestartDB starts ovsdb-server on the database as it was left, and waits until
// it answers.
func (i *Instance) RestartDB() {
	i.t.Helper()
	args := []string{
		i.path("conf.db"), "--remote=punix:" + i.DBSocket(), "--remote=db:Open_vSwitch,Open_vSwitch,manager_options",
		"--pidfile=" + i.path("ovsdb-server.pid"), "--unixctl=" + i.path("ovsdb-server.ctl"), "--overwrite-pidfile", "-vconsole:warn", "--no-chdir",
	}
	for _, r := range i.cfg.Remotes {
		args = append(args, "--remote="+r)
	}
	i.db = i.daemonize("ovsdb-server", append(args, i.cfg.ServerArgs...)...)
	i.ready(i.db, "ovsdb-server", "ovs-vsctl", "--db=unix:"+i.DBSocket(), "--timeout=1", "--no-wait", "get-manager")
}

// KillSwitch kills ovs-vswitchd. With the user-space datapath the devices of its
// bridges and internal ports go with it.
func (i *Instance) KillSwitch() {
	i.t.Helper()
	i.daemon.End(i.t, syscall.SIGKILL)
}

// RestartSwitch starts ovs-vswitchd and waits until it has read the database.
func (i *Instance) RestartSwitch() {
	i.t.Helper()
	i.daemon = i.daemonize("ovs-vswitchd", "unix:"+i.DBSocket(), "--pidfile="+i.path("ovs-vswitchd.pid"),
		"--unixctl="+i.path("ovs-vswitchd.ctl"), "--overwrite-pidfile", "-vconsole:warn", "--no-chdir")
	i.ready(i.daemon, "ovs-vswitchd", "ovs-vsctl", "--db=unix:"+i.DBSocket(), "--timeout=1", "set", "Open_vSwitch", ".", "other_config:ready=1",
		"--", "remove", "Open_vSwitch", ".", "other_config", "ready")
}

// SwitchPID is the process number of ovs-vswitchd.
func (i *Instance) SwitchPID() int { return i.daemon.Cmd.Process.Pid }

// DBPID is that of ovsdb-server.
func (i *Instance) DBPID() int { return i.db.Cmd.Process.Pid }

// daemonize starts a daemon in the foreground, inside the namespace. nsenter
// becomes it, so that the process is the daemon's own.
func (i *Instance) daemonize(name string, args ...string) *proctest.Process {
	i.t.Helper()
	if i.NetNS == "" {
		return proctest.Start(i.t, name, i.env(), args...)
	}
	return proctest.Start(i.t, "nsenter", i.env(), append([]string{"--net=/run/netns/" + i.NetNS, name}, args...)...)
}

// ready waits until a tool succeeds that asks the daemon.
func (i *Instance) ready(p *proctest.Process, what string, tool ...string) {
	i.t.Helper()
	proctest.Eventually(i.t, patience, what+" answers", func() error {
		select {
		case <-p.Done:
			i.t.Fatalf("%s ended at once: %s", what, p.Out.String())
		default:
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if out, err := exec.CommandContext(ctx, tool[0], tool[1:]...).CombinedOutput(); err != nil {
			return errors.New(string(out))
		}
		return nil
	})
}
