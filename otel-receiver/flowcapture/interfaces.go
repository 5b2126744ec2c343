package flowcapture

import (
	"errors"
	"fmt"
	"net"
	"path"
	"slices"

	"github.com/skein-net/skein/internal/netns"
)

// interfaces returns the names of the interfaces that are meant, in the order
// of the configuration: names as they are, whether they exist or not, patterns
// and the default route as of now.
func interfaces(c *CaptureConfig) ([]string, error) {
	var names []string
	add := func(name string) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	var present []net.Interface
	for _, want := range c.Interfaces {
		switch {
		case want == DefaultRoute:
			var name string
			err := inNetNS(c.netnsPath(), func() (err error) { name, err = defaultRoute(); return err })
			if err != nil {
				return nil, fmt.Errorf("find the interface of the default route: %w", err)
			}
			add(name)
		case isPattern(want):
			if present == nil {
				err := inNetNS(c.netnsPath(), func() (err error) { present, err = net.Interfaces(); return err })
				if err != nil {
					return nil, fmt.Errorf("list interfaces: %w", err)
				}
			}
			for _, name := range matching(want, present) {
				add(name)
			}
		default:
			add(want)
		}
	}
	if n := len(names); n > c.MaxInterfaces {
		return names[:c.MaxInterfaces], fmt.Errorf("%d interfaces match, the capture runs on the first %d only; raise max_interfaces or name fewer", n, c.MaxInterfaces)
	}
	return names, nil
}

// matching returns the names that match a pattern. A loopback interface is meant
// only by its name.
func matching(pattern string, present []net.Interface) (names []string) {
	for _, i := range present {
		if ok, err := path.Match(pattern, i.Name); err == nil && ok && i.Flags&net.FlagLoopback == 0 {
			names = append(names, i.Name)
		}
	}
	slices.Sort(names)
	return names
}

// inNetNS runs fn in the namespace of a path, or where it is for "".
func inNetNS(path string, fn func() error) error {
	if path == "" {
		return fn()
	}
	ns, err := netns.Open(path)
	if err != nil {
		return fmt.Errorf("open network namespace: %w", err)
	}
	return errors.Join(ns.Do(fn), ns.Close())
}
