package place

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/skein-net/skein/internal/netns"
)

// look asks the kernel for an interface's own name, its kind and its index.
func look(ns *netns.NS, name string) (real, kind string, index int, err error) {
	err = ns.Do(func() error {
		req := nl.NewNetlinkRequest(unix.RTM_GETLINK, 0)
		req.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
		attr := unix.IFLA_IFNAME
		if len(name) >= unix.IFNAMSIZ {
			attr = unix.IFLA_ALT_IFNAME
		}
		req.AddData(nl.NewRtAttr(attr, nl.ZeroTerminated(name)))
		msgs, err := req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWLINK)
		if err != nil {
			return fmt.Errorf("ask for the interface: %w", err)
		}
		if len(msgs) != 1 {
			return fmt.Errorf("ask for the interface: got %d answers", len(msgs))
		}
		real, kind, index, err = decode(msgs[0])
		return err
	})
	return real, kind, index, err
}

// decode reads struct ifinfomsg and the attributes that are of interest.
func decode(msg []byte) (name, kind string, index int, err error) {
	if len(msg) < unix.SizeofIfInfomsg {
		return "", "", 0, errors.New("the kernel's answer is too short")
	}
	index = int(nl.DeserializeIfInfomsg(msg).Index)
	attrs, err := nl.ParseRouteAttr(msg[unix.SizeofIfInfomsg:])
	if err != nil {
		return "", "", 0, fmt.Errorf("read the kernel's answer: %w", err)
	}
	kind = KindDevice
	for _, a := range attrs {
		switch a.Attr.Type &^ unix.NLA_F_NESTED {
		case unix.IFLA_IFNAME:
			name = unix.ByteSliceToString(a.Value)
		case unix.IFLA_LINKINFO:
			infos, err := nl.ParseRouteAttr(a.Value)
			if err != nil {
				return "", "", 0, fmt.Errorf("read the kind: %w", err)
			}
			for _, i := range infos {
				if i.Attr.Type == nl.IFLA_INFO_KIND {
					if k := unix.ByteSliceToString(i.Value); k != "" {
						kind = k
					}
				}
			}
		}
	}
	if name == "" {
		return "", "", 0, errors.New("the kernel's answer has no name")
	}
	return name, kind, index, nil
}
