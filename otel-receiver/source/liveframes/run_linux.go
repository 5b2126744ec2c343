package liveframes

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/skein-net/skein/internal/netns"
)

// perCall is how many frames the kernel is asked for in one call: few enough for
// a run to end in time, many enough for the 20 ms that a call takes to set up
// not to matter.
const perCall = 512 << 10

// Run makes the interface receive frames until there were enough of them, the
// time is over or ctx ends. It needs root.
func Run(ctx context.Context, cfg Config) (Result, error) {
	if err := cfg.validate(); err != nil {
		return Result{}, fmt.Errorf("configure live frames: %w", err)
	}
	ns, err := netns.Open(cfg.NetNS)
	if err != nil {
		return Result{}, err
	}
	defer ns.Close()
	own, err := netns.Current()
	if err != nil {
		return Result{}, err
	}
	defer own.Close()
	if own.ID() == ns.ID() {
		return Result{}, fmt.Errorf("namespace %s is the process's own: it must be one that a test made", cfg.NetNS)
	}
	var res Result
	err = ns.Do(func() error {
		link, err := net.InterfaceByName(cfg.Interface)
		if err != nil {
			return fmt.Errorf("find %s: %w", cfg.Interface, err)
		}
		prog, err := load(cfg)
		if err != nil {
			return err
		}
		defer unix.Close(prog)
		res, err = loop(ctx, cfg, prog, link.Index)
		return err
	})
	return res, err
}

func loop(ctx context.Context, cfg Config, prog, index int) (Result, error) {
	start := time.Now()
	var res Result
	for res.Sent < cfg.Count && ctx.Err() == nil {
		took := time.Since(start)
		if took >= cfg.Time {
			break
		}
		n := min(perCall, cfg.Count-res.Sent)
		if cfg.Rate > 0 {
			ahead := time.Duration(res.Sent)*time.Second/time.Duration(cfg.Rate) - took
			if ahead > 0 {
				time.Sleep(ahead)
			}
			n = min(n, max(cfg.Rate/20, 1))
		}
		if err := testRun(prog, cfg.Frame, index, n); err != nil {
			return res, err
		}
		res.Sent += n
	}
	res.Took = time.Since(start)
	return res, nil
}

// insn is struct bpf_insn, as little-endian machines have it.
type insn struct {
	op   uint8
	regs uint8 // destination in the low half, source in the high
	off  int16
	imm  int32
}

// Operations of eBPF (linux/bpf.h, linux/bpf_common.h) that are used here.
const (
	opMovReg = 0xbf
	opMovImm = 0xb7
	opAndImm = 0x57
	opAddImm = 0x07
	opLoad32 = 0x61
	opSt16   = 0x6b
	opJgt    = 0x2d
	opCall   = 0x85
	opExit   = 0x95

	helperRandom = 7 // bpf_get_prandom_u32
	xdpPass      = 2
)

// program passes each frame on, after it wrote a random number into it.
func program(cfg Config) []insn {
	pass := []insn{{op: opMovImm, imm: xdpPass}, {op: opExit}}
	if cfg.Vary == 0 {
		return pass
	}
	return append([]insn{
		{op: opMovReg, regs: 6 | 1<<4},                     // r6 = context
		{op: opCall, imm: helperRandom},                    // r0 = random
		{op: opAndImm, imm: int32(cfg.Values - 1)},         // r0 &= Values-1
		{op: opLoad32, regs: 2 | 6<<4},                     // r2 = data
		{op: opLoad32, regs: 3 | 6<<4, off: 4},             // r3 = data_end
		{op: opMovReg, regs: 4 | 2<<4},                     // r4 = r2
		{op: opAddImm, regs: 4, imm: int32(cfg.Vary + 2)},  // r4 += Vary+2
		{op: opJgt, regs: 4 | 3<<4, off: 1},                // beyond the end
		{op: opSt16, regs: 2 | 0<<4, off: int16(cfg.Vary)}, // *(u16 *)(r2+Vary) = r0
	}, pass...)
}

// progLoad and progTestRun are the parts of union bpf_attr that are used.
type progLoad struct {
	typ, count         uint32
	insns, license     uint64
	logLevel, logSize  uint32
	log                uint64
	version, flags     uint32
	name               [16]byte
	ifindex, attachTyp uint32
}

type progTestRun struct {
	fd, retval              uint32
	sizeIn, sizeOut         uint32
	dataIn, dataOut         uint64
	repeat, duration        uint32
	ctxSizeIn, ctxSizeOut   uint32
	ctxIn, ctxOut           uint64
	flags, cpu, batch, _pad uint32
}

func load(cfg Config) (int, error) {
	insns := program(cfg)
	license := []byte("GPL\x00")
	logs := make([]byte, 16<<10)
	attr := progLoad{
		typ: unix.BPF_PROG_TYPE_XDP, count: uint32(len(insns)),
		insns: pointer(unsafe.Pointer(&insns[0])), license: pointer(unsafe.Pointer(&license[0])),
		logLevel: 1, logSize: uint32(len(logs)), log: pointer(unsafe.Pointer(&logs[0])),
	}
	fd, errno := bpf(unix.BPF_PROG_LOAD, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
	// The kernel gives up when a signal is pending, as it is when the Go runtime
	// wants a goroutine to make room.
	for try := 0; try < 100 && (errno == unix.EAGAIN || errno == unix.EINTR); try++ {
		fd, errno = bpf(unix.BPF_PROG_LOAD, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
	}
	runtime.KeepAlive(insns)
	runtime.KeepAlive(license)
	if errno != 0 {
		return -1, fmt.Errorf("load program: %w: %s", errno, unix.ByteSliceToString(logs))
	}
	return fd, nil
}

func testRun(prog int, frame []byte, index, repeat int) error {
	var ctx [24]byte // struct xdp_md: data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex
	binary.NativeEndian.PutUint32(ctx[4:], uint32(len(frame)))
	binary.NativeEndian.PutUint32(ctx[12:], uint32(index))
	attr := progTestRun{
		fd: uint32(prog), sizeIn: uint32(len(frame)), dataIn: pointer(unsafe.Pointer(&frame[0])),
		ctxSizeIn: uint32(len(ctx)), ctxIn: pointer(unsafe.Pointer(&ctx[0])),
		repeat: uint32(repeat), flags: unix.BPF_F_TEST_XDP_LIVE_FRAMES, batch: 64,
	}
	for {
		_, errno := bpf(unix.BPF_PROG_TEST_RUN, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
		runtime.KeepAlive(frame)
		if errors.Is(errno, unix.EINTR) {
			continue
		}
		if errno != 0 {
			return fmt.Errorf("run program with live frames: %w", errno)
		}
		return nil
	}
}

func bpf(cmd uintptr, attr unsafe.Pointer, size uintptr) (int, unix.Errno) {
	r, _, errno := unix.Syscall(unix.SYS_BPF, cmd, uintptr(attr), size)
	return int(r), errno
}

func pointer(p unsafe.Pointer) uint64 { return uint64(uintptr(p)) }
