package rtnl

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"syscall"
)

// Links lists all links of the namespace, SR-IOV functions and statistics
// included.
func (c *Conn) Links(ctx context.Context) ([]Link, error) {
	return list(ctx, c, "links", request{typ: rtmGetLink, header: make([]byte, sizeofIfInfomsg), attrs: []attr{linkFilter()}, want: NewLink},
		func(l *Link, b []byte) (bool, error) {
			_, err := l.decode(b)
			return l.Index > 0 && l.Name != "", err
		})
}

// linkFilter asks for what links do not tell by themselves: IFLA_EXT_MASK with
// RTEXT_FILTER_VF.
func linkFilter() attr { return u32Attr(29, 1) }

// Link asks for one link. The error wraps syscall.ENODEV when there is none.
func (c *Conn) Link(ctx context.Context, index int32) (Link, error) {
	header := make([]byte, sizeofIfInfomsg)
	binary.NativeEndian.PutUint32(header[4:], uint32(index))
	b, err := c.get(ctx, request{typ: rtmGetLink, header: header, attrs: []attr{linkFilter()}, want: NewLink})
	if err != nil {
		return Link{}, fmt.Errorf("get link %d: %w", index, err)
	}
	l, err := DecodeLink(b)
	if err != nil {
		c.count.malformed.Add(1)
		return l, fmt.Errorf("get link %d: %w", index, err)
	}
	return l, nil
}

// Addrs lists the addresses of all links.
func (c *Conn) Addrs(ctx context.Context) ([]Addr, error) { return c.AddrsOf(ctx, 0) }

// AddrsOf lists the addresses of one link; 0: all.
func (c *Conn) AddrsOf(ctx context.Context, index int32) ([]Addr, error) {
	header := make([]byte, sizeofIfAddrmsg)
	binary.NativeEndian.PutUint32(header[4:], uint32(index))
	return list(ctx, c, "addresses", request{typ: rtmGetAddr, header: header, want: NewAddr},
		func(a *Addr, b []byte) (bool, error) {
			err := a.decode(b)
			return err == nil && (index == 0 || a.Index == index), err
		})
}

// Routes lists the routes of all families and tables, those of table local and
// of multicast routing included: see [Route.IsTopology].
func (c *Conn) Routes(ctx context.Context) ([]Route, error) {
	return list(ctx, c, "routes", request{typ: rtmGetRoute, header: make([]byte, sizeofRtmsg), want: NewRoute},
		func(r *Route, b []byte) (bool, error) {
			err := r.decode(b)
			return err == nil, err
		})
}

// Rules lists the policy rules of IPv4 and IPv6.
func (c *Conn) Rules(ctx context.Context) ([]Rule, error) {
	return list(ctx, c, "rules", request{typ: rtmGetRule, header: make([]byte, sizeofFibRuleHdr), want: NewRule},
		func(r *Rule, b []byte) (bool, error) {
			err := r.decode(b)
			return err == nil && (r.Family == FamilyIPv4 || r.Family == FamilyIPv6), err
		})
}

// Neighbors lists the ARP and ND entries of all links.
func (c *Conn) Neighbors(ctx context.Context) ([]Neigh, error) { return c.NeighborsOf(ctx, 0) }

// NeighborsOf lists the ARP and ND entries of one link; 0: all.
func (c *Conn) NeighborsOf(ctx context.Context, index int32) ([]Neigh, error) {
	req := request{typ: rtmGetNeigh, header: make([]byte, sizeofNdmsg), want: NewNeigh}
	if index != 0 {
		req.attrs = []attr{u32Attr(8, uint32(index))} // NDA_IFINDEX
	}
	return list(ctx, c, "neighbours", req, func(n *Neigh, b []byte) (bool, error) {
		err := n.decode(b)
		return err == nil && n.Family != FamilyBridge && (index == 0 || n.Index == index), err
	})
}

// FDB lists the forwarding entries of all bridges and VXLAN links, and the
// addresses that other links listen to.
func (c *Conn) FDB(ctx context.Context) ([]Neigh, error) { return c.FDBOf(ctx, 0) }

// FDBOf lists the forwarding entries of one link (as bridge port and by
// itself); 0: all.
func (c *Conn) FDBOf(ctx context.Context, index int32) ([]Neigh, error) {
	header := make([]byte, sizeofNdmsg)
	header[0] = byte(FamilyBridge)
	binary.NativeEndian.PutUint32(header[4:], uint32(index))
	return list(ctx, c, "forwarding entries", request{typ: rtmGetNeigh, header: header, want: NewNeigh},
		func(n *Neigh, b []byte) (bool, error) {
			err := n.decode(b)
			return err == nil && n.Family == FamilyBridge && (index == 0 || n.Index == index), err
		})
}

// Nexthops lists the nexthop objects; none on kernels before 5.3, which have
// no such thing.
func (c *Conn) Nexthops(ctx context.Context) ([]Nexthop, error) {
	out, err := list(ctx, c, "nexthops", request{typ: rtmGetNexthop, header: make([]byte, sizeofNhmsg), want: NewNexthop},
		func(n *Nexthop, b []byte) (bool, error) {
			err := n.decode(b)
			return err == nil, err
		})
	if errors.Is(err, syscall.EOPNOTSUPP) {
		return nil, nil
	}
	return out, err
}

// NSIDs lists the namespaces that have a number in this one.
func (c *Conn) NSIDs(ctx context.Context) ([]NSID, error) {
	return list(ctx, c, "namespace ids", request{typ: rtmGetNSID, header: make([]byte, sizeofRtgenmsg), want: NewNSID},
		func(n *NSID, b []byte) (bool, error) {
			err := n.decode(b)
			return err == nil, err
		})
}

// NSID returns the number by which this namespace knows the one that the file
// descriptor names, [NoNSID] when it has none.
func (c *Conn) NSID(ctx context.Context, fd int) (int32, error) {
	return c.nsid(ctx, u32Attr(3, uint32(fd))) // NETNSA_FD
}

// NSIDOfPID returns the number by which this namespace knows that of a process.
func (c *Conn) NSIDOfPID(ctx context.Context, pid int) (int32, error) {
	return c.nsid(ctx, u32Attr(2, uint32(pid))) // NETNSA_PID
}

func (c *Conn) nsid(ctx context.Context, which attr) (int32, error) {
	b, err := c.get(ctx, request{typ: rtmGetNSID, header: make([]byte, sizeofRtgenmsg), attrs: []attr{which}, want: NewNSID})
	if err != nil {
		return NoNSID, fmt.Errorf("get namespace id: %w", err)
	}
	n, err := DecodeNSID(b)
	if err != nil {
		c.count.malformed.Add(1)
		return NoNSID, fmt.Errorf("get namespace id: %w", err)
	}
	return n.ID, nil
}

// request is what one listing or one question sends.
type request struct {
	typ    uint16
	header []byte
	attrs  []attr
	want   EventType
}

// maxAttempts bounds how often an interrupted listing is made.
const maxAttempts = 5

// list makes a listing and decodes it. decode tells whether the record is to
// be kept; malformed messages are counted, not returned as errors: one driver's
// fault must not hide all other links.
func list[T any](ctx context.Context, c *Conn, what string, req request, decode func(*T, []byte) (bool, error)) ([]T, error) {
	var out []T
	for range maxAttempts {
		out = out[:0]
		interrupted, err := c.dump(ctx, req, func(b []byte) {
			out = append(out, *new(T))
			ok, err := decode(&out[len(out)-1], b)
			if err != nil {
				c.countError(err)
			}
			if !ok {
				out = out[:len(out)-1]
			}
		})
		switch {
		case err != nil:
			return nil, fmt.Errorf("list %s: %w", what, err)
		case !interrupted:
			return out, nil
		}
		c.count.interrupted.Add(1)
	}
	return out, fmt.Errorf("list %s: %w", what, ErrInterrupted)
}
