// Package discovery finds the network namespaces of a host: those that have a
// name, as files of directories such as /run/netns, and those that have only
// processes. It tells what appears, changes its name or disappears.
//
// It looks only: it opens a namespace for the moment that it takes to identify
// it, keeps none open and so keeps none alive, and enters none.
package discovery

import (
	"slices"
	"strconv"
	"time"

	"github.com/skein-net/skein/internal/netns"
)

// Namespace is one namespace that was found.
type Namespace struct {
	ID netns.ID
	// Name is the file name of Path; a namespace that has only processes is
	// named after the one of the lowest number, "pid-N (comm)".
	Name string
	// Path leads to the nsfs file.
	Path string
	// Paths are all files that lead to it, the one of Path first; only Path when
	// it has no name.
	Paths []string
}

func (n *Namespace) equal(o *Namespace) bool {
	return n.ID == o.ID && n.Name == o.Name && n.Path == o.Path && slices.Equal(n.Paths, o.Paths)
}

// Sink hears of namespaces. Its methods are called one at a time, from the
// watcher's goroutine.
type Sink interface {
	// Found tells of a namespace that appeared, or whose name or paths changed.
	Found(Namespace)
	// Lost tells that a namespace has neither a name nor a process any more.
	Lost(netns.ID)
	// Scanned is called after each complete look at everything.
	Scanned(Report)
}

// Report says how complete a look was.
type Report struct {
	// Namespaces is how many there are.
	Namespaces int
	// DeniedProcesses is how many processes would not show their namespace, and
	// DeniedFiles how many named ones could not be opened.
	DeniedProcesses, DeniedFiles int
	// NotWatched is why changes of the directories are only noticed at the next
	// scan; nil when they are noticed at once.
	NotWatched error
}

// Config says where to look.
type Config struct {
	// Dirs are directories of named namespaces. They need not exist yet. A name
	// in an earlier one is preferred.
	Dirs []string
	// Processes tells whether to look for namespaces that have only processes,
	// in ProcDir.
	Processes bool
	ProcDir   string
	// ScanInterval is the time between two looks at everything. Changes in Dirs
	// are noticed at once.
	ScanInterval time.Duration
	// Skip are namespaces never to be told of.
	Skip []netns.ID
}

// DefaultConfig returns the directories of iproute2 and Docker, with processes
// looked at every ten seconds.
func DefaultConfig() Config {
	return Config{
		Dirs:         []string{"/run/netns", "/var/run/docker/netns"},
		Processes:    true,
		ProcDir:      "/proc",
		ScanInterval: 10 * time.Second,
	}
}

// namespaceOf joins what leads to a namespace: its names in order of
// preference, or else its process. exists is false when nothing does.
func namespaceOf(id netns.ID, names []netns.Named, procs map[netns.ID]process) (n Namespace, exists bool) {
	if len(names) > 0 {
		n = Namespace{ID: id, Name: names[0].Name, Path: names[0].Path}
		for _, x := range names {
			n.Paths = append(n.Paths, x.Path)
		}
		return n, true
	}
	p, exists := procs[id]
	if !exists {
		return Namespace{}, false
	}
	return Namespace{ID: id, Name: p.name(), Path: p.path, Paths: []string{p.path}}, true
}

// process is the process of the lowest number in a namespace.
type process struct {
	pid  int
	comm string
	path string
}

func (p process) name() string {
	name := "pid-" + strconv.Itoa(p.pid)
	if p.comm != "" {
		name += " (" + p.comm + ")"
	}
	return name
}
