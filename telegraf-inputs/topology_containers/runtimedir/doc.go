// Package runtimedir finds containers in the state directories of OCI runtimes:
// runc and crun keep one directory for each container, whoever has them run it
// (containerd, CRI-O, Podman, Docker, or a person at a shell), so that there are
// containers to see also where no daemon answers.
//
// What is read, and nothing else:
//
//   - ROOT/ID/state.json (runc: libcontainer.State) and ROOT/ID/exec.fifo, whose
//     presence says that the container is created and not started;
//   - ROOT/ID/status and ROOT/ID/config.json (crun);
//   - BUNDLE/config.json (OCI runtime specification) where the state has no
//     annotations, BUNDLE/artifacts/create-config (CRI-O, Podman);
//   - the file that is mounted as /etc/hosts in the container;
//   - /proc/PID/stat and /proc/PID/ns/net of the container's first process, and
//     the state of its freezer cgroup.
//
// Roots and what is in them are watched by inotify. Everything is looked at
// again every [Config].Rescan, for what has no notification: freezing, and
// watches that the system did not give.
//
// The package never runs a runtime, never writes, never opens anything that is
// no regular file, and holds nothing of a container open but a pidfd.
package runtimedir
