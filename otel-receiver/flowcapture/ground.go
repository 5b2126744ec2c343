package flowcapture

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"sync"
	"time"

	"github.com/skein-net/skein/internal/netns"
	"github.com/skein-net/skein/internal/order"
	"github.com/skein-net/skein/otel-receiver/source"
	"github.com/skein-net/skein/otel-receiver/source/ebpf"
	"github.com/skein-net/skein/otel-receiver/source/place"
)

// ground is what captures by order stand on: the seam to the host; tests put
// their own behind it.
type ground interface {
	// hostID is the host.id of records.
	hostID() string
	// look finds the interface of an order as it is now. The error says what is
	// missing and what to do. Close the spot.
	look(n *order.Node) (*spot, error)
	// source makes a source on the interface.
	source(c *CaptureConfig, at *spot) (source.Source, error)
	// selfTest checks without a packet that a source sees the interface.
	selfTest(s source.Source) error
	// warning is what a source does not do as it should, "" for nothing.
	warning(s source.Source) string
}

// spot is an interface that was found.
type spot struct {
	link place.Link
	id   netns.ID
	// path is that of the namespace, as long as the spot is open, whatever becomes
	// of the name or the process that led to it.
	path string
	ns   *netns.NS
	once sync.Once
}

func (s *spot) close() {
	s.once.Do(func() {
		if s.ns != nil {
			_ = s.ns.Close()
		}
	})
}

// same reports whether two looks found the same interface by the same name.
func (s *spot) same(o *spot) bool {
	return s.id == o.id && s.link.Index == o.link.Index && s.link.Name == o.link.Name
}

// lookAgain is how old a look at the namespaces of the host may be.
const lookAgain = 500 * time.Millisecond

// hostGround is the host.
type hostGround struct {
	sources    *sources
	namespaces *place.Namespaces
}

func newHostGround(s *sources) (*hostGround, error) {
	h := s.host
	n, err := place.NewNamespaces(place.Config{HostName: h.Name, NetNSDirs: h.NetNSDirs, RootNetNS: h.RootNetNS}, lookAgain)
	if err != nil {
		return nil, fmt.Errorf("find network namespaces: %w", err)
	}
	return &hostGround{sources: s, namespaces: n}, nil
}

// hostID implements [ground].
func (g *hostGround) hostID() string { return g.sources.host.ID }

// look implements [ground].
func (g *hostGround) look(n *order.Node) (*spot, error) {
	ns, err := g.namespaces.Open(n.NetNS, n.NetNSDevice, n.NetNSPath)
	if err != nil {
		return nil, noNetNS(n, err)
	}
	s := &spot{ns: ns, id: ns.ID(), path: "/proc/self/fd/" + strconv.Itoa(ns.FD())}
	if s.link, err = place.ByIndex(ns, n.IfIndex); err != nil {
		s.close()
		if errors.Is(err, place.ErrNoInterface) {
			return nil, fmt.Errorf("the interface %s (index %d) is gone from %s; the capture ends when the topology no longer shows it", n.Interface, n.IfIndex, ns.ID())
		}
		return nil, permission(n, err)
	}
	return s, nil
}

// noNetNS says why there is no namespace.
func noNetNS(n *order.Node, err error) error {
	id := netns.ID{Inode: n.NetNS}
	switch {
	case errors.Is(err, fs.ErrPermission):
		return permission(n, err)
	case errors.Is(err, place.ErrNoNetNS):
		return fmt.Errorf("the network namespace %s of %s is gone; the capture ends when the topology no longer shows it. If the namespace is there, name its directory in host.netns_dirs of the collector", id, n.Interface)
	default:
		return fmt.Errorf("open the network namespace %s of %s: %w", id, n.Interface, err)
	}
}

func permission(n *order.Node, err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("the collector may not enter the network namespace of %s: %w; it needs CAP_SYS_ADMIN and CAP_SYS_PTRACE", n.Interface, err)
	}
	return fmt.Errorf("look at %s: %w", n.Interface, err)
}

// source implements [ground].
func (g *hostGround) source(c *CaptureConfig, at *spot) (source.Source, error) {
	return g.sources.onInterface(c, at.link.Name, at.link.Index, at.path)
}

var errNoSelfTest = errors.New("it cannot be told without a packet whether the capture sees any")

// selfTest implements [ground].
func (g *hostGround) selfTest(s source.Source) error {
	switch s := s.(type) {
	case nil:
		return errNotOpen
	case interface{ SelfTest() error }:
		return s.SelfTest()
	default:
		return errNoSelfTest
	}
}

// warning implements [ground].
func (g *hostGround) warning(s source.Source) string {
	if e, ok := s.(*ebpf.Source); ok && e.Detail().Attached == "clsact" {
		return "the kernel has no tcx (Linux 6.6): the programs are attached by clsact"
	}
	return ""
}
