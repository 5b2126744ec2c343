package afpacket

import (
	"errors"
	"fmt"
	"math/bits"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/skein-net/skein/otel-receiver/packet"
	"github.com/skein-net/skein/otel-receiver/source/device"
)

const (
	// The ring is made of blocks, which the kernel hands over when they are full
	// or the block timeout is over: when few frames come the number of blocks says
	// for how long a worker may get no processor until frames are lost. smallBlock
	// has 64 of them in a ring of 4 MiB, which is 3 s; long frames need largeBlock.
	smallBlock = 64 << 10
	largeBlock = 1 << 20
	smallSnap  = 8 << 10
	frameSize  = 2048 // without meaning for TPACKET_V3, but checked by the kernel

	// Room in front of each frame for what is put there: a VLAN tag, or the header
	// of a cooked frame.
	reserveTag    = 4
	reserveCooked = 16
)

// socket is a packet socket that is not bound yet.
type socket struct {
	fd       int
	index    int
	link     link
	loopback bool
}

// openSocket opens a socket in the namespace of the calling thread, looks up the
// interface and makes the socket refuse all frames.
func openSocket(cfg Config) (*socket, error) {
	index, arphrd, err := device.LookUp(cfg.Interface)
	if err != nil {
		return nil, err
	}
	so := &socket{index: index, link: linkOf(arphrd), loopback: arphrd == unix.ARPHRD_LOOPBACK}
	kind := unix.SOCK_RAW
	if so.link.cooked {
		kind = unix.SOCK_DGRAM
	}
	// Protocol 0: nothing is received before bind.
	fd, err := unix.Socket(unix.AF_PACKET, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		if errors.Is(err, unix.EPERM) {
			return nil, fmt.Errorf("open packet socket: %w (needs CAP_NET_RAW)", err)
		}
		return nil, fmt.Errorf("open packet socket: %w", err)
	}
	so.fd = fd
	prog, err := sockProgram(dropAll())
	if err == nil {
		err = setFilter(fd, prog)
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return so, nil
}

// filter returns the program for the kernel.
func (so *socket) filter(cfg Config) ([]bpf.RawInstruction, error) {
	var user []bpf.RawInstruction
	if cfg.Filter != nil {
		var err error
		if user, err = cfg.Filter(so.link.filterType()); err != nil {
			return nil, fmt.Errorf("compile filter: %w", err)
		}
	}
	return program(user, cfg.SnapLen, so.loopback)
}

// bind makes the ring and binds the socket to the interface.
func (so *socket) bind(cfg Config, r *ring) error {
	if err := unix.SetsockoptInt(so.fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V3); err != nil {
		return fmt.Errorf("set version 3 of the ring: %w", err)
	}
	reserve := reserveTag
	if so.link.cooked {
		reserve = reserveCooked
	}
	if err := unix.SetsockoptInt(so.fd, unix.SOL_PACKET, unix.PACKET_RESERVE, reserve); err != nil {
		return fmt.Errorf("reserve room in front of frames: %w", err)
	}
	req := unix.TpacketReq3{
		Block_size:     smallBlock,
		Frame_size:     frameSize,
		Retire_blk_tov: uint32(cfg.BlockTimeout.Milliseconds()),
	}
	switch {
	case cfg.SnapLen <= smallSnap:
	case cfg.RingMiB < 2: // a ring needs more than one block
		req.Block_size = largeBlock / 4
	default:
		req.Block_size = largeBlock
	}
	req.Block_nr = uint32(cfg.RingMiB<<20) / req.Block_size
	req.Frame_nr = req.Block_size / frameSize * req.Block_nr
	if err := unix.SetsockoptTpacketReq3(so.fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &req); err != nil {
		return fmt.Errorf("make a ring of %d MiB: %w", cfg.RingMiB, err)
	}
	size := int(req.Block_size) * int(req.Block_nr)
	mem, err := unix.Mmap(so.fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("map a ring of %d MiB: %w", cfg.RingMiB, err)
	}
	r.mem, r.blockSize, r.blocks = mem, int(req.Block_size), int(req.Block_nr)
	addr := unix.SockaddrLinklayer{Protocol: bigEndian16(unix.ETH_P_ALL), Ifindex: so.index}
	if err := unix.Bind(so.fd, &addr); err != nil {
		if errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENXIO) {
			return fmt.Errorf("%w: %s", ErrNoInterface, cfg.Interface)
		}
		return fmt.Errorf("bind to interface %d: %w", so.index, err)
	}
	if cfg.Promiscuous {
		m := unix.PacketMreq{Ifindex: int32(so.index), Type: unix.PACKET_MR_PROMISC}
		if err := unix.SetsockoptPacketMreq(so.fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &m); err != nil {
			return fmt.Errorf("make the interface promiscuous: %w", err)
		}
	}
	return nil
}

// noGroup asks for a new group; 0 is a valid one.
const noGroup = -1

// join makes the socket a member of the group, or of a new one, and returns the
// group.
func (so *socket) join(group int) (int, error) {
	arg := unix.PACKET_FANOUT_HASH << 16
	if group == noGroup {
		arg |= unix.PACKET_FANOUT_FLAG_UNIQUEID << 16
	} else {
		arg |= group
	}
	if err := unix.SetsockoptInt(so.fd, unix.SOL_PACKET, unix.PACKET_FANOUT, arg); err != nil {
		soErr, _ := unix.GetsockoptInt(so.fd, unix.SOL_SOCKET, unix.SO_ERROR)
		if errors.Is(err, unix.EINVAL) && unix.Errno(soErr) == unix.ENETDOWN {
			return 0, errDown // before Linux 6.13
		}
		return 0, fmt.Errorf("share frames between workers: %w", err)
	}
	if group != noGroup {
		return group, nil
	}
	id, err := unix.GetsockoptInt(so.fd, unix.SOL_PACKET, unix.PACKET_FANOUT)
	if err != nil {
		return 0, fmt.Errorf("ask for the group of workers: %w", err)
	}
	return id & 0xffff, nil
}

// sockProgram puts a program in the form of the system call.
func sockProgram(prog []bpf.RawInstruction) (*unix.SockFprog, error) {
	if len(prog) == 0 || len(prog) > maxProgram {
		return nil, fmt.Errorf("filter has %d instructions: the kernel takes 1 to %d", len(prog), maxProgram)
	}
	// bpf.RawInstruction is the kernel's struct sock_filter.
	return &unix.SockFprog{Len: uint16(len(prog)), Filter: (*unix.SockFilter)(unsafe.Pointer(&prog[0]))}, nil
}

// setFilter replaces the filter of a socket, in one step.
func setFilter(fd int, prog *unix.SockFprog) error {
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, prog); err != nil {
		return fmt.Errorf("attach filter: %w", err)
	}
	return nil
}

// gone reports whether the interface of a socket is no more: the kernel then
// takes it away from the socket, whatever gets its index later (packet(7)).
func gone(fd int) bool {
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return true
	}
	ll, ok := sa.(*unix.SockaddrLinklayer)
	return !ok || ll.Ifindex <= 0
}

// bigEndian16 returns the number whose bytes in memory are those of v in
// network byte order.
func bigEndian16(v uint16) uint16 {
	if *(*byte)(unsafe.Pointer(&[]uint16{1}[0])) == 1 {
		return bits.ReverseBytes16(v)
	}
	return v
}

// link is how frames of an interface begin.
type link struct {
	// cooked is set when the kernel takes the link header away.
	cooked bool
	arphrd uint16
}

func linkOf(arphrd uint16) link {
	switch arphrd {
	case unix.ARPHRD_ETHER, unix.ARPHRD_LOOPBACK:
		return link{arphrd: arphrd}
	default:
		return link{cooked: true, arphrd: arphrd}
	}
}

// filterType is the link type that filters are compiled for.
func (l link) filterType() packet.LinkType {
	if l.cooked {
		return packet.LinkRaw
	}
	return packet.LinkEthernet
}
