package runtimedir

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Config says where to look.
type Config struct {
	// Dirs are patterns (path.Match, element by element) of the state directories:
	// those in which each container has a directory. They need not exist yet. Of
	// a container that is in several of them the first counts.
	Dirs []string
	// Rescan is the time between two looks at everything.
	Rescan time.Duration
	// MaxContainers bounds how many are kept; more are counted and left out.
	MaxContainers int
	// CgroupDir is where the control groups are mounted.
	CgroupDir string
}

// DefaultConfig returns the directories that runc and crun use when they are
// run by containerd, Docker, Podman, CRI-O, or a person.
func DefaultConfig() Config {
	return Config{
		Dirs: []string{
			"/run/runc",
			"/run/containerd/runc/*",
			"/run/docker/runtime-*/moby",
			"/run/runc-ctrs",
			"/run/crun",
			"/run/user/*/runc",
			"/run/user/*/crun",
		},
		Rescan:        30 * time.Second,
		MaxContainers: 10_000,
		CgroupDir:     "/sys/fs/cgroup",
	}
}

// Validate reports the first setting that cannot work.
func (c *Config) Validate() error {
	if len(c.Dirs) == 0 {
		return errors.New("no state directories")
	}
	for _, dir := range c.Dirs {
		if !filepath.IsAbs(dir) || filepath.Clean(dir) == "/" {
			return fmt.Errorf("state directory %q: want an absolute path", dir)
		}
		if _, err := path.Match(dir, ""); err != nil {
			return fmt.Errorf("state directory %q: %w", dir, err)
		}
	}
	switch {
	case c.Rescan <= 0:
		return fmt.Errorf("rescan interval %v is not positive", c.Rescan)
	case c.MaxContainers < 1:
		return fmt.Errorf("at most %d containers, want at least 1", c.MaxContainers)
	case !filepath.IsAbs(c.CgroupDir):
		return fmt.Errorf("control groups in %q: want an absolute path", c.CgroupDir)
	}
	return nil
}

// rank returns the place of the pattern that names a directory.
func (c *Config) rank(dir string) int {
	return slices.IndexFunc(c.Dirs, func(pattern string) bool {
		ok, err := path.Match(filepath.Clean(pattern), dir)
		return ok && err == nil
	})
}

// scope names what an ID in a state directory is unique in, see
// container.Mapper: containerd runs each of its namespaces in a directory of
// its own, everything else is known by its directory.
func scope(dir string) string {
	parent, namespace := filepath.Split(dir)
	switch {
	case strings.HasSuffix(parent, "/runc/"):
		return "containerd/" + namespace
	case dir == "/run/runc":
		return "runc"
	}
	return strings.TrimPrefix(dir, "/")
}
