// Package lxc follows classic containers of LXC, those that lxc-create and
// lxc-execute make, without a daemon.
//
// What is read and asked, and nothing else:
//
//   - PATH/NAME/config, watched by inotify; files that it includes are not read;
//   - the command socket of the container's monitor, @PATH/NAME/command in the
//     abstract namespace: LXC_CMD_GET_STATE and LXC_CMD_GET_INIT_PID;
//   - /proc/net/unix, for containers that have no directory;
//   - /proc/PID/cgroup of the first process, and whether that group is frozen.
//
// Nothing tells that a container starts, so that everyone that does not run is
// asked for every [Config].Poll: its socket refuses at once. The end of a
// container is told by a pidfd.
//
// Abstract sockets belong to a network namespace: containers whose monitor runs
// in another than the agent are not seen to run. The answers of a socket are
// believed if root or the owner of the directory listens there, and, if that is
// not root, the process is in a user namespace of his.
//
// The package must never change the state of a container.
package lxc
