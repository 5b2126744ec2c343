package place

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/skein-net/skein/internal/netns"
)

// isNamespace reports whether a path leads to a namespace, without opening it: to
// open a device may do something.
func isNamespace(path string) bool {
	var fs unix.Statfs_t
	return unix.Statfs(path, &fs) == nil && fs.Type == unix.NSFS_MAGIC
}

// look asks the kernel for an interface by its name.
func look(ns *netns.NS, name string) (l Link, err error) {
	attr := unix.IFLA_IFNAME
	if len(name) >= unix.IFNAMSIZ {
		attr = unix.IFLA_ALT_IFNAME
	}
	return ask(ns, 0, nl.NewRtAttr(attr, nl.ZeroTerminated(name)))
}

// byIndex asks the kernel for an interface by its index.
func byIndex(ns *netns.NS, index int) (Link, error) {
	l, err := ask(ns, index)
	switch {
	case errors.Is(err, unix.ENODEV):
		return Link{}, fmt.Errorf("%w: %w", ErrNoInterface, err)
	case err == nil && l.Index != index:
		return Link{}, fmt.Errorf("ask for interface %d: the kernel told of %d", index, l.Index)
	}
	return l, err
}

func ask(ns *netns.NS, index int, attrs ...*nl.RtAttr) (l Link, err error) {
	err = ns.Do(func() error {
		req := nl.NewNetlinkRequest(unix.RTM_GETLINK, 0)
		msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
		msg.Index = int32(index)
		req.AddData(msg)
		for _, a := range attrs {
			req.AddData(a)
		}
		msgs, err := req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWLINK)
		if err != nil {
			return fmt.Errorf("ask for the interface: %w", err)
		}
		if len(msgs) != 1 {
			return fmt.Errorf("ask for the interface: got %d answers", len(msgs))
		}
		l, err = decode(msgs[0])
		return err
	})
	return l, err
}

// decode reads struct ifinfomsg and the attributes that are of interest
// (rtnetlink(7)).
func decode(msg []byte) (l Link, err error) {
	if len(msg) < unix.SizeofIfInfomsg {
		return l, errors.New("the kernel's answer is too short")
	}
	info := nl.DeserializeIfInfomsg(msg)
	l.Index, l.Up = int(info.Index), info.Flags&unix.IFF_UP != 0
	attrs, err := nl.ParseRouteAttr(msg[unix.SizeofIfInfomsg:])
	if err != nil {
		return l, fmt.Errorf("read the kernel's answer: %w", err)
	}
	l.Type = KindDevice
	for _, a := range attrs {
		switch a.Attr.Type &^ unix.NLA_F_NESTED {
		case unix.IFLA_IFNAME:
			l.Name = unix.ByteSliceToString(a.Value)
		case unix.IFLA_STATS64:
			l.setPackets(a.Value)
		case unix.IFLA_LINKINFO:
			infos, err := nl.ParseRouteAttr(a.Value)
			if err != nil {
				return l, fmt.Errorf("read the kind: %w", err)
			}
			for _, i := range infos {
				if i.Attr.Type == nl.IFLA_INFO_KIND {
					if k := unix.ByteSliceToString(i.Value); k != "" {
						l.Type = k
					}
				}
			}
		}
	}
	if l.Name == "" {
		return l, errors.New("the kernel's answer has no name")
	}
	return l, nil
}

// setPackets reads struct rtnl_link_stats64, which begins with rx_packets and
// tx_packets.
func (l *Link) setPackets(b []byte) {
	if len(b) >= 16 {
		l.Packets = binary.NativeEndian.Uint64(b) + binary.NativeEndian.Uint64(b[8:])
		l.Counted = true
	}
}
