// Package sysfs reads which SR-IOV virtual function belongs to which physical
// one (/sys/bus/pci/devices, Documentation/ABI/testing/sysfs-bus-pci). PCI
// devices are not per network namespace, so that one look serves them all.
package sysfs

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Devices is where the kernel shows PCI devices.
const Devices = "/sys/bus/pci/devices"

// VF tells whether the PCI device bus, for example "0000:01:10.2", is a virtual
// function, and of which physical function it is which one. dir is [Devices].
func VF(dir, bus string) (pf string, id int, ok bool) {
	// The name comes from a driver: it must not lead elsewhere.
	if bus == "" || bus != filepath.Base(bus) || bus == ".." || bus == "." {
		return "", 0, false
	}
	link, err := os.Readlink(filepath.Join(dir, bus, "physfn"))
	if err != nil {
		return "", 0, false
	}
	pf = filepath.Base(link)
	fns, err := filepath.Glob(filepath.Join(dir, pf, "virtfn*"))
	if err != nil {
		return "", 0, false
	}
	for _, fn := range fns {
		target, err := os.Readlink(fn)
		if err != nil || filepath.Base(target) != bus {
			continue
		}
		if id, err = strconv.Atoi(strings.TrimPrefix(filepath.Base(fn), "virtfn")); err == nil {
			return pf, id, true
		}
	}
	return "", 0, false
}
