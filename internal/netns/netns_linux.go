package netns

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// Supported reports whether this system has network namespaces.
func Supported() bool { return true }

// NS is an open namespace. It keeps the namespace alive until it is closed.
// Its methods other than Close may be used by several goroutines at once.
type NS struct {
	fd int
	id ID
}

// Open opens the namespace whose nsfs file is at path, for example
// /run/netns/blue or /proc/1/ns/net. It wraps [ErrNotNetNS] when the file is
// something else, for example the empty file that `ip netns add` makes shortly
// before it mounts the namespace there.
func Open(path string) (*NS, error) {
	// O_NONBLOCK: a FIFO in the directory must not stop the caller.
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open network namespace: %w", &os.PathError{Op: "open", Path: path, Err: err})
	}
	return fromFD(fd, path)
}

// OpenPID opens the namespace of a process by its number below /proc.
func OpenPID(pid int) (*NS, error) { return Open("/proc/" + strconv.Itoa(pid) + "/ns/net") }

// OpenFD opens the namespace that an open file descriptor stands for. The
// caller keeps its descriptor.
func OpenFD(fd int) (*NS, error) {
	dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("duplicate descriptor %d of network namespace: %w", fd, err)
	}
	return fromFD(dup, "descriptor "+strconv.Itoa(fd))
}

// OpenSocket opens the namespace that a socket belongs to (ioctl SIOCGSKNS,
// socket(7)). It needs CAP_NET_ADMIN in that namespace's user namespace.
func OpenSocket(fd int) (*NS, error) {
	ns, err := unix.IoctlRetInt(fd, unix.SIOCGSKNS)
	if err != nil {
		return nil, fmt.Errorf("get network namespace of socket %d: %w", fd, err)
	}
	return fromFD(ns, "namespace of socket "+strconv.Itoa(fd))
}

// Current opens the namespace of the calling thread. Outside of [NS.Do] and
// runtime.LockOSThread that is the namespace of the process.
func Current() (*NS, error) { return Open("/proc/thread-self/ns/net") }

// fromFD takes over fd, which it closes on error.
func fromFD(fd int, what string) (*NS, error) {
	id, err := identify(fd)
	if err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return &NS{fd: fd, id: id}, nil
}

// identify checks that fd is an nsfs file of a network namespace. It asks for
// the kind of file system and of namespace and never compares device numbers
// with those of the directory: inside a container the two may well be equal.
func identify(fd int) (ID, error) {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(fd, &fs); err != nil {
		return ID{}, fmt.Errorf("find the kind of file system: %w", err)
	}
	// Kernels before 3.19 had namespaces in procfs.
	if fs.Type != unix.NSFS_MAGIC && fs.Type != unix.PROC_SUPER_MAGIC {
		return ID{}, ErrNotNetNS
	}
	// NS_GET_NSTYPE exists since Linux 4.11; without it the path must do.
	typ, err := unix.IoctlRetInt(fd, unix.NS_GET_NSTYPE)
	switch {
	case err == nil && typ != unix.CLONE_NEWNET:
		return ID{}, ErrNotNetNS
	case err != nil && fs.Type != unix.NSFS_MAGIC:
		return ID{}, ErrNotNetNS
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return ID{}, fmt.Errorf("read the identity of a namespace: %w", err)
	}
	return ID{Dev: uint64(st.Dev), Inode: st.Ino}, nil //nolint:unconvert // 32 bits on MIPS
}

// ID returns the identity of the namespace.
func (n *NS) ID() ID { return n.id }

// FD returns the descriptor, which n keeps and closes.
func (n *NS) FD() int { return n.fd }

// Close gives the namespace up. A second call does nothing.
func (n *NS) Close() error {
	if n.fd < 0 {
		return nil
	}
	fd := n.fd
	n.fd = -1
	if err := unix.Close(fd); err != nil {
		return fmt.Errorf("close network namespace: %w", err)
	}
	return nil
}

var errNoReturn = errors.New("function did not return")

// Do runs fn on a thread that is in the namespace, and returns its error.
// Descriptors that fn opens stay in the namespace for ever; goroutines that fn
// starts do not. To enter a namespace other than the thread's own takes
// CAP_SYS_ADMIN in it (setns(2)).
//
// The thread belongs to fn alone. If it cannot return to the namespace from
// which it came, it ends with fn, so that no other goroutine ever runs on it.
func (n *NS) Do(fn func() error) error {
	result := make(chan error, 1)
	go func() { n.do(fn, result) }()
	return <-result
}

func (n *NS) do(fn func() error, result chan<- error) {
	runtime.LockOSThread()
	if unix.Gettid() == unix.Getpid() {
		// The main thread's namespace is what /proc/PID/ns/net shows: leave it
		// alone. While it is locked, the next goroutine gets another thread.
		defer runtime.UnlockOSThread()
		done := make(chan struct{})
		go func() {
			defer close(done)
			n.do(fn, result)
		}()
		<-done
		return
	}
	err := errNoReturn
	defer func() { result <- err }() // also when fn calls runtime.Goexit

	origin, oerr := Current()
	if oerr != nil {
		runtime.UnlockOSThread()
		err = oerr
		return
	}
	defer origin.Close() //nolint:errcheck // nothing to be done
	if origin.id == n.id {
		defer runtime.UnlockOSThread()
		err = fn()
		return
	}
	if serr := unix.Setns(n.fd, unix.CLONE_NEWNET); serr != nil {
		runtime.UnlockOSThread()
		err = fmt.Errorf("enter %s: %w", n.id, serr)
		return
	}
	defer func() {
		if unix.Setns(origin.fd, unix.CLONE_NEWNET) == nil {
			runtime.UnlockOSThread()
		}
		// Otherwise the goroutine ends locked and the runtime ends the thread.
	}()
	err = fn()
}

// Stat returns the identity of the namespace at path without keeping it open.
func Stat(path string) (ID, error) {
	n, err := Open(path)
	if err != nil {
		return ID{}, err
	}
	id := n.ID()
	return id, n.Close()
}

// List returns the namespaces that have a name in a directory, sorted by name.
// Files that are no namespaces and files that vanish meanwhile are left out.
// The error wraps [os.ErrNotExist] when there is no such directory, which only
// means that nobody named a namespace yet.
func List(dir string) ([]Named, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list network namespaces: %w", err)
	}
	out := make([]Named, 0, len(entries))
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		path := dir + "/" + e.Name()
		if id, err := Stat(path); err == nil {
			out = append(out, Named{Name: e.Name(), Path: path, ID: id})
		}
	}
	return out, nil
}
