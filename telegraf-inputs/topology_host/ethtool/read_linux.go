package ethtool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Commands and sizes of linux/ethtool.h.
const (
	cmdGetDrvInfo      = 0x03
	cmdGetSettings     = 0x01
	cmdGetStrings      = 0x1b
	cmdGetSsetInfo     = 0x37
	cmdGetFeatures     = 0x3a
	cmdGetLinkSettings = 0x4c

	sizeDrvInfo      = 196
	sizeSettings     = 44
	sizeLinkSettings = 48
	stringLen        = 32
	setFeatures      = 4 // ETH_SS_FEATURES

	maxStrings = 4096
	speedNone  = 0xffffffff
)

// ErrGone is wrapped by the error about a link that is not there any more.
var ErrGone = errors.New("link is gone")

// Read reads the facts of the link ifindex through a socket of its namespace.
// What a driver does not support is left zero. The error wraps [ErrGone] when
// there is no such link.
func (r *Reader) Read(socket int, ifindex int32) (*Facts, error) {
	// The ioctls go by name. A link that was renamed meanwhile, or another one
	// that took its name, shows by the index that the name then has.
	for range 3 {
		name, err := nameOf(socket, ifindex)
		if err != nil {
			return nil, err
		}
		f := r.readName(socket, name)
		if i, err := indexOf(socket, name); err == nil && i == ifindex {
			return f, nil
		}
	}
	return nil, fmt.Errorf("read facts of link %d: its name keeps changing", ifindex)
}

func (r *Reader) readName(socket int, name ifname) *Facts {
	f := new(Facts)
	drv := make([]byte, sizeDrvInfo)
	put32(drv, 0, cmdGetDrvInfo)
	if ethtool(socket, name, drv) == nil {
		f.Driver = text(drv[4:36])
		f.DriverVersion = unknown(text(drv[36:68]))
		f.Firmware = unknown(text(drv[68:100]))
		f.BusInfo = unknown(text(drv[100:132]))
	}
	f.Speed, f.Duplex = settings(socket, name)
	if r.features {
		r.readFeatures(socket, name, f)
	}
	return f
}

// unknown drops what drivers say when they know nothing.
func unknown(s string) string {
	if s == "N/A" || s == "n/a" || s == "none" {
		return ""
	}
	return s
}

// settings reads speed and duplex by the command that also old drivers answer
// on kernels that have the new one, and by the old one on kernels before 4.6.
func settings(socket int, name ifname) (speed int64, duplex string) {
	b := make([]byte, sizeLinkSettings+3*4*127)
	put32(b, 0, cmdGetLinkSettings)
	err := ethtool(socket, name, b)
	if words := int8(b[15]); err == nil && words < 0 {
		// The first call only tells how long the masks are.
		clear(b)
		put32(b, 0, cmdGetLinkSettings)
		b[15] = byte(-words)
		err = ethtool(socket, name, b)
	}
	if err == nil {
		return decodeSpeed(get32(b, 4)), decodeDuplex(b[8])
	}
	if !errors.Is(err, unix.EOPNOTSUPP) {
		return 0, ""
	}
	b = make([]byte, sizeSettings)
	put32(b, 0, cmdGetSettings)
	if ethtool(socket, name, b) != nil {
		return 0, ""
	}
	low, high := binary.NativeEndian.Uint16(b[12:]), binary.NativeEndian.Uint16(b[28:])
	return decodeSpeed(uint32(high)<<16 | uint32(low)), decodeDuplex(b[14])
}

func decodeSpeed(mbit uint32) int64 {
	if mbit == speedNone || mbit == 0xffff {
		return 0
	}
	return int64(mbit)
}

func decodeDuplex(d byte) string {
	switch d {
	case 0:
		return "Half"
	case 1:
		return "Full"
	default:
		return ""
	}
}

func (r *Reader) readFeatures(socket int, name ifname, f *Facts) {
	names := r.featureNames(socket, name)
	if len(names) == 0 {
		return
	}
	blocks := (len(names) + 31) / 32
	b := make([]byte, 8+16*blocks)
	put32(b, 0, cmdGetFeatures)
	put32(b, 4, uint32(blocks))
	if ethtool(socket, name, b) != nil {
		return
	}
	active := make([]uint32, blocks)
	for i := range active {
		active[i] = get32(b, 8+16*i+8)
	}
	f.Features = r.featureSet(names, active)
}

// featureNames returns the names by bit, which it asks for once.
func (r *Reader) featureNames(socket int, name ifname) []string {
	r.mu.Lock()
	names := r.names
	r.mu.Unlock()
	if names != nil {
		return names
	}
	b := make([]byte, 16+4)
	put32(b, 0, cmdGetSsetInfo)
	binary.NativeEndian.PutUint64(b[8:], 1<<setFeatures)
	if ethtool(socket, name, b) != nil {
		return nil
	}
	n := int(get32(b, 16))
	if n <= 0 || n > maxStrings {
		return nil
	}
	b = make([]byte, 12+n*stringLen)
	put32(b, 0, cmdGetStrings)
	put32(b, 4, setFeatures)
	put32(b, 8, uint32(n))
	if ethtool(socket, name, b) != nil {
		return nil
	}
	names = make([]string, n)
	for i := range names {
		names[i] = text(b[12+i*stringLen:][:stringLen])
	}
	r.mu.Lock()
	r.names = names
	r.mu.Unlock()
	return names
}

type ifname [unix.IFNAMSIZ]byte

// ifreqData is struct ifreq with a pointer, ifreqInt the one with an integer.
type ifreqData struct {
	name ifname
	data unsafe.Pointer
	_    [24 - unsafe.Sizeof(uintptr(0))]byte
}

type ifreqInt struct {
	name  ifname
	value int32
	_     [20]byte
}

func ethtool(socket int, name ifname, data []byte) error {
	req := ifreqData{name: name, data: unsafe.Pointer(unsafe.SliceData(data))}
	err := ioctl(socket, unix.SIOCETHTOOL, unsafe.Pointer(&req))
	runtime.KeepAlive(data)
	return err
}

func nameOf(socket int, ifindex int32) (ifname, error) {
	req := ifreqInt{value: ifindex}
	if err := ioctl(socket, unix.SIOCGIFNAME, unsafe.Pointer(&req)); err != nil {
		if errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENXIO) {
			err = ErrGone
		}
		return ifname{}, fmt.Errorf("get name of link %d: %w", ifindex, err)
	}
	return req.name, nil
}

func indexOf(socket int, name ifname) (int32, error) {
	req := ifreqInt{name: name}
	if err := ioctl(socket, unix.SIOCGIFINDEX, unsafe.Pointer(&req)); err != nil {
		return 0, fmt.Errorf("get index of link: %w", err)
	}
	return req.value, nil
}

func ioctl(fd int, request uintptr, arg unsafe.Pointer) error {
	for {
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(arg))
		switch errno {
		case 0:
			return nil
		case unix.EINTR:
		default:
			return errno
		}
	}
}

func put32(b []byte, at int, v uint32) { binary.NativeEndian.PutUint32(b[at:], v) }
func get32(b []byte, at int) uint32    { return binary.NativeEndian.Uint32(b[at:]) }

func text(b []byte) string {
	for i, c := range b {
		if c == 0 {
			return valid(b[:i])
		}
	}
	return valid(b)
}

// valid keeps printable ASCII: drivers and firmware fill these fields with
// whatever they like.
func valid(b []byte) string {
	out := make([]byte, 0, len(b))
	for _, c := range b {
		if c >= ' ' && c < 0x7f {
			out = append(out, c)
		}
	}
	return string(out)
}
