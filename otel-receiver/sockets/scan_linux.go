package sockets

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// retry is how long a socket that no process has is not looked for again.
const retry = 30 * time.Second

// target is a socket whose process is looked for.
type target struct {
	listen bool
	tuple  tuple
	netns  uint64
	// round is the one in which the search began.
	round int
}

// scanner looks in the descriptors of all processes for sockets: those that came
// since the last round first, then from the youngest to the oldest, so that a
// socket that a manager of services handed on is of who serves. It is for one
// goroutine.
type scanner struct {
	root   string
	wanted map[uint64]target
	failed map[uint64]time.Time
	round  int
	queue  []int64
	seen   map[int64]bool
	// denied is set when descriptors may not be read.
	denied error
}

func newScanner(root string) *scanner {
	return &scanner{root: root, wanted: make(map[uint64]target), failed: make(map[uint64]time.Time), seen: make(map[int64]bool)}
}

// want looks for a socket by its inode number from now on.
func (s *scanner) want(inode uint64, t target, now time.Time) {
	if inode == 0 {
		return
	}
	if _, ok := s.wanted[inode]; ok {
		return
	}
	if at, ok := s.failed[inode]; ok {
		if now.Sub(at) < retry {
			return
		}
		delete(s.failed, inode)
	}
	t.round = s.round
	s.wanted[inode] = t
}

// run goes on until all are found, none is left to look at, or over says so. It
// returns how many processes it looked at.
func (s *scanner) run(now time.Time, over func() bool, found func(target, uint64, int64)) (looked int) {
	for len(s.wanted) > 0 {
		if len(s.queue) == 0 && !s.next(now) {
			return looked
		}
		if over() {
			return looked
		}
		pid := s.queue[0]
		s.queue = s.queue[1:]
		s.look(pid, found)
		looked++
	}
	return looked
}

// next begins a round, which ends the search for what was wanted during all of the
// last one.
func (s *scanner) next(now time.Time) bool {
	if s.round > 0 {
		for inode, t := range s.wanted {
			if t.round < s.round {
				delete(s.wanted, inode)
				s.failed[inode] = now
			}
		}
	}
	if len(s.wanted) == 0 {
		return false
	}
	for inode, at := range s.failed {
		if now.Sub(at) >= retry {
			delete(s.failed, inode)
		}
	}
	s.round++
	list := pids(s.root)
	seen := make(map[int64]bool, len(list))
	for _, pid := range list {
		seen[pid] = true
	}
	slices.SortFunc(list, func(a, b int64) int {
		if s.seen[a] != s.seen[b] {
			if s.seen[b] {
				return -1
			}
			return 1
		}
		return int(b - a)
	})
	s.queue, s.seen = list, seen
	return len(list) > 0
}

// pids lists the processes.
func pids(root string) []int64 {
	d, err := os.Open(root)
	if err != nil {
		return nil
	}
	defer d.Close() //nolint:errcheck // read only
	names, _ := d.Readdirnames(-1)
	list := make([]int64, 0, len(names))
	for _, name := range names {
		if pid, err := strconv.ParseInt(name, 10, 64); err == nil {
			list = append(list, pid)
		}
	}
	return list
}

// look reads the descriptors of a process.
func (s *scanner) look(pid int64, found func(target, uint64, int64)) {
	dir := s.root + "/" + strconv.FormatInt(pid, 10) + "/fd"
	d, err := os.Open(dir)
	if err != nil {
		if os.IsPermission(err) {
			s.denied = err
		}
		return
	}
	defer d.Close() //nolint:errcheck // read only
	for {
		names, err := d.Readdirnames(256)
		for _, name := range names {
			text, err := os.Readlink(dir + "/" + name)
			if err != nil {
				continue
			}
			inode, ok := socketInode(text)
			if !ok {
				continue
			}
			if t, ok := s.wanted[inode]; ok {
				delete(s.wanted, inode)
				found(t, inode, pid)
			}
		}
		if err != nil || len(names) == 0 || len(s.wanted) == 0 {
			return
		}
	}
}

// socketInode reads the text of a descriptor of a socket, "socket:[123]".
func socketInode(text string) (uint64, bool) {
	number, ok := strings.CutPrefix(text, "socket:[")
	if !ok {
		return 0, false
	}
	number, ok = strings.CutSuffix(number, "]")
	if !ok {
		return 0, false
	}
	inode, err := strconv.ParseUint(number, 10, 64)
	return inode, err == nil
}
