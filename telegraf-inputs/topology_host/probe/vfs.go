package probe

import (
	"time"

	"github.com/skein-net/skein/telegraf-inputs/topology_host/ethtool"
	"github.com/skein-net/skein/telegraf-inputs/topology_host/sysfs"
)

// vfIndex joins virtual functions with their physical ones, in whatever
// namespaces their links are, by the PCI device.
type vfIndex struct {
	devices  map[string]map[*link]struct{} // links of a PCI device
	children map[string]map[*link]struct{} // virtual functions of one
}

func newVFIndex() vfIndex {
	return vfIndex{
		devices:  make(map[string]map[*link]struct{}),
		children: make(map[string]map[*link]struct{}),
	}
}

// set takes over what is known of a link's hardware.
func (v *vfIndex) set(l *link, f *ethtool.Facts, pf string, vfID int, now time.Time) {
	oldBus := ""
	if l.facts != nil {
		oldBus = l.facts.BusInfo
	}
	move(v.children, l, l.pf, pf)
	l.facts, l.pf, l.vfID = f, pf, vfID
	if move(v.devices, l, oldBus, f.BusInfo) {
		v.touch(oldBus, now)
		v.touch(f.BusInfo, now)
	}
}

func (v *vfIndex) remove(l *link, _ *Probe) {
	move(v.children, l, l.pf, "")
	if l.facts != nil && move(v.devices, l, l.facts.BusInfo, "") {
		v.touch(l.facts.BusInfo, time.Now())
	}
}

// touch reports the virtual functions of a device anew.
func (v *vfIndex) touch(bus string, now time.Time) {
	for l := range v.children[bus] {
		l.changed(0, now)
	}
}

// physical returns the link of a physical function: of several that with the
// lowest index, which is the first port. nil: there is none.
func (v *vfIndex) physical(bus string) *link {
	var best *link
	for l := range v.devices[bus] {
		if best == nil || l.index < best.index {
			best = l
		}
	}
	return best
}

// move moves a link from one entry of an index to another and reports whether
// that changed anything.
func move(m map[string]map[*link]struct{}, l *link, from, to string) bool {
	if from == to {
		return false
	}
	if from != "" {
		delete(m[from], l)
		if len(m[from]) == 0 {
			delete(m, from)
		}
	}
	if to != "" {
		if m[to] == nil {
			m[to] = make(map[*link]struct{}, 1)
		}
		m[to][l] = struct{}{}
	}
	return true
}

func virtualFunction(bus string) (pf string, id int) {
	pf, id, _ = sysfs.VF(sysfs.Devices, bus)
	return pf, id
}
