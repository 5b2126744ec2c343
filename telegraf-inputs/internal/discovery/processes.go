package discovery

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/netns"
)

// scanner finds the namespaces of processes. It remembers the last scan, so
// that a process keeps lending its name to a namespace while it is in there,
// and so that only new namespaces cost more than a readlink(2) a process.
type scanner struct {
	dir   string
	known map[uint64]entry // by inode number
}

type entry struct {
	id netns.ID
	process
}

// scan returns the namespaces of all processes, each with its process of the
// lowest number, and how many processes would not show theirs.
func (s *scanner) scan() (procs map[netns.ID]process, denied int, err error) {
	d, err := os.Open(s.dir)
	if err != nil {
		return nil, 0, fmt.Errorf("list processes: %w", err)
	}
	defer d.Close() //nolint:errcheck // only read
	names, err := d.Readdirnames(-1)
	if err != nil {
		return nil, 0, fmt.Errorf("list processes: %w", err)
	}
	lowest := make(map[uint64]int, len(s.known))
	members := make(map[uint64]bool, len(s.known)) // whose known process is still in there
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		text, err := os.Readlink(s.dir + "/" + name + "/ns/net")
		if err != nil {
			if errors.Is(err, os.ErrPermission) {
				denied++
			}
			continue
		}
		inode, ok := netns.ParseLink(text)
		if !ok {
			continue
		}
		if low, has := lowest[inode]; !has || pid < low {
			lowest[inode] = pid
		}
		if k, has := s.known[inode]; has && k.pid == pid {
			members[inode] = true
		}
	}
	next := make(map[uint64]entry, len(lowest))
	procs = make(map[netns.ID]process, len(lowest))
	for inode, pid := range lowest {
		e := s.known[inode]
		if !members[inode] {
			if e, err = s.look(pid, inode); err != nil {
				continue // it ended meanwhile: the next scan sees what is left
			}
		}
		next[inode] = e
		procs[e.id] = e.process
	}
	s.known = next
	return procs, denied, nil
}

var errMoved = errors.New("process is in another namespace now")

// look reads what a scan needs to know of a namespace it has not seen before.
func (s *scanner) look(pid int, inode uint64) (entry, error) {
	base := filepath.Join(s.dir, strconv.Itoa(pid))
	path := base + "/ns/net"
	id, err := netns.Stat(path)
	if err != nil {
		return entry{}, err
	}
	if id.Inode != inode {
		return entry{}, errMoved
	}
	e := entry{id: id, process: process{pid: pid, path: path}}
	if comm, err := os.ReadFile(base + "/comm"); err == nil {
		e.comm = entity.CleanText(strings.TrimSpace(string(comm)))
	}
	return e, nil
}
