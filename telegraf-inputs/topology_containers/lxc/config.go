package lxc

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"time"
)

// Config is what a [Source] can be told.
type Config struct {
	// Paths are patterns (path.Match, element by element) of the directories in
	// which each container has a directory (lxc.lxcpath in lxc.system.conf(5)).
	// They need not exist yet.
	Paths []string
	// Poll is how often containers that do not run are asked for, and those that
	// do whether they are frozen.
	Poll time.Duration
	// Rescan is the time between two looks at everything.
	Rescan time.Duration
	// Timeout bounds each question.
	Timeout time.Duration
	// MaxContainers bounds how many are kept; more are counted and left out.
	MaxContainers int
	// CgroupDir is where the control groups are mounted.
	CgroupDir string
}

// DefaultConfig returns the settings that the input ships with: the containers of
// root.
func DefaultConfig() Config {
	return Config{
		Paths:         []string{"/var/lib/lxc"},
		Poll:          time.Second,
		Rescan:        30 * time.Second,
		Timeout:       500 * time.Millisecond,
		MaxContainers: 2000,
		CgroupDir:     "/sys/fs/cgroup",
	}
}

// Validate reports the first setting that cannot work.
func (c *Config) Validate() error {
	if len(c.Paths) == 0 {
		return errors.New("no paths")
	}
	for _, p := range c.Paths {
		if !filepath.IsAbs(p) || filepath.Clean(p) == "/" {
			return fmt.Errorf("path %q: want an absolute one", p)
		}
		if _, err := path.Match(p, ""); err != nil {
			return fmt.Errorf("path %q: %w", p, err)
		}
	}
	switch {
	case c.Poll <= 0 || c.Rescan <= 0 || c.Timeout <= 0:
		return fmt.Errorf("times %v, %v and %v: want positive ones", c.Poll, c.Rescan, c.Timeout)
	case c.MaxContainers < 1:
		return fmt.Errorf("at most %d containers, want at least 1", c.MaxContainers)
	case !filepath.IsAbs(c.CgroupDir):
		return fmt.Errorf("control groups in %q: want an absolute path", c.CgroupDir)
	}
	return nil
}
