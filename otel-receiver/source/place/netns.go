package place

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/skein-net/skein/internal/netns"
)

// reported returns the path that a namespace is reported with: its first name in
// the first directory that has one, else the file of its process of the lowest
// number.
func reported(cfg Config, id netns.ID) (string, error) {
	for _, dir := range cfg.NetNSDirs {
		dir = filepath.Clean(dir)
		names, err := netns.List(dir)
		if err != nil {
			continue // nobody named a namespace there
		}
		for _, n := range names {
			if n.ID == id {
				return n.Path, nil
			}
		}
	}
	procs, err := os.ReadDir(cfg.ProcDir)
	if err != nil {
		return "", fmt.Errorf("list processes: %w", err)
	}
	lowest := 0
	for _, p := range procs {
		pid, err := strconv.Atoi(p.Name())
		if err != nil || lowest != 0 && pid > lowest {
			continue
		}
		text, err := os.Readlink(filepath.Join(cfg.ProcDir, p.Name(), "ns", "net"))
		if err != nil {
			continue // it ended, or would not show its namespace
		}
		if inode, ok := netns.ParseLink(text); ok && inode == id.Inode {
			lowest = pid
		}
	}
	if lowest == 0 {
		return "", fmt.Errorf("%w: %s", ErrNoPath, id)
	}
	return filepath.Join(cfg.ProcDir, strconv.Itoa(lowest), "ns", "net"), nil
}
