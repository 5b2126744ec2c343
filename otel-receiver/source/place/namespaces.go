package place

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/skein-net/skein/internal/netns"
)

// ErrNoNetNS is wrapped by the error about a namespace that nothing on the host
// leads to any more.
var ErrNoNetNS = errors.New("no such network namespace")

// Bounds of a look at all namespaces.
const (
	maxKnown     = 16384
	maxProcesses = 1 << 20
)

// Namespaces finds namespaces by the numbers of their files: the host's own, those
// with a name, and those of processes. It may be used by several goroutines, who
// share what one look at the host has shown.
type Namespaces struct {
	cfg Config
	// fresh is how old a look may be for what it did not show.
	fresh time.Duration

	mu     sync.Mutex
	known  map[uint64][]string // by inode, the best paths first
	looked time.Time
	looks  int
}

// NewNamespaces returns one that looks at the host again when it is asked for
// what it does not know, but not more often than each fresh.
func NewNamespaces(cfg Config, fresh time.Duration) (*Namespaces, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Namespaces{cfg: cfg, fresh: fresh}, nil
}

// Open opens the namespace that has an inode number and, when it is not 0, a
// device. hint is a path where it may be, "" when none is known; the number
// decides, and nothing else than a namespace is opened. Inode 0 is the host's own. The error wraps [ErrNoNetNS] when there is
// no such namespace, and tells of permissions when paths are hidden by them.
func (n *Namespaces) Open(inode, device uint64, hint string) (*netns.NS, error) {
	if inode == 0 {
		return open(n.cfg.RootNetNS)
	}
	var denied error
	stale := false // a path leads elsewhere
	try := func(path string) *netns.NS {
		ns, err := open(path)
		switch {
		case errors.Is(err, os.ErrPermission):
			denied = err
			return nil
		case err != nil:
			stale = true
			return nil
		}
		id := ns.ID()
		if id.Inode == inode && (device == 0 || id.Dev == device) {
			return ns
		}
		stale = stale || id.Inode != inode
		_ = ns.Close()
		return nil
	}
	first := []string{n.cfg.RootNetNS}
	if filepath.IsAbs(hint) && isNamespace(hint) {
		first = append(first, hint)
	}
	either := func(paths []string) *netns.NS {
		for _, p := range paths {
			if ns := try(p); ns != nil {
				return ns
			}
		}
		return nil
	}
	ns := either(first)
	if ns == nil {
		known := n.paths(inode)
		stale = false
		if ns = either(known); ns == nil {
			n.again(inode, known, stale)
			ns = either(n.paths(inode))
		}
	}
	if ns == nil {
		return nil, errors.Join(ErrNoNetNS, denied)
	}
	return ns, nil
}

// paths returns where a namespace was when the host was looked at last.
func (n *Namespaces) paths(inode uint64) []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.known[inode]
}

// again looks at the host again when the last look is too old, or what it showed
// of a namespace, which is given, is stale.
func (n *Namespaces) again(inode uint64, shown []string, stale bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	fresh := n.known != nil && time.Since(n.looked) < n.fresh
	if !fresh || stale && slices.Equal(shown, n.known[inode]) {
		n.look()
		n.looked = time.Now()
	}
}

// maxPaths is how many paths of one namespace are remembered.
const maxPaths = 4

// look notes all namespaces of the host. n.mu must be held.
func (n *Namespaces) look() {
	n.looks++
	n.known = make(map[uint64][]string)
	for _, dir := range n.cfg.NetNSDirs {
		names, err := netns.List(filepath.Clean(dir))
		if err != nil {
			continue // nobody named a namespace there
		}
		for _, named := range names {
			n.note(named.ID.Inode, named.Path)
		}
	}
	procs, err := os.ReadDir(n.cfg.ProcDir)
	if err != nil {
		return
	}
	pids := make([]int, 0, len(procs))
	for _, p := range procs {
		if pid, err := strconv.Atoi(p.Name()); err == nil && len(pids) < maxProcesses {
			pids = append(pids, pid)
		}
	}
	slices.SortFunc(pids, cmp.Compare[int])
	for _, pid := range pids {
		path := filepath.Join(n.cfg.ProcDir, strconv.Itoa(pid), "ns", "net")
		text, err := os.Readlink(path)
		if err != nil {
			continue // it ended, or would not show its namespace
		}
		if inode, ok := netns.ParseLink(text); ok {
			n.note(inode, path)
		}
	}
}

func (n *Namespaces) note(inode uint64, path string) {
	have := n.known[inode]
	if len(have) >= maxPaths || have == nil && len(n.known) >= maxKnown {
		return
	}
	n.known[inode] = append(have, path)
}
