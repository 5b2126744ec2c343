package afpacket

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/skein-net/skein/otel-receiver/packet"
	"github.com/skein-net/skein/otel-receiver/source"
)

const (
	// checkFrames is after how many frames the clock is looked at.
	checkFrames = 64
	// drainTime is how long a worker goes on with what is in its ring after the
	// capture was ended.
	drainTime = 250 * time.Millisecond

	headerSize = int(unsafe.Sizeof(unix.Tpacket3Hdr{}))
	// offPktType is where the direction is, offProtocol the type: both in the
	// sockaddr_ll behind the header.
	offProtocol = headerSize + 2
	offPktType  = headerSize + 10
	offAddrLen  = headerSize + 11
	// minFrame is the least that the kernel writes for a frame.
	minFrame = headerSize + unix.SizeofSockaddrLinklayer
)

// ring is a socket and the memory that the kernel puts its frames in. After it
// was opened it belongs to one goroutine.
type ring struct {
	fd        int
	index     int // of the interface
	mem       []byte
	blockSize int
	blocks    int
	cfg       Config
	link      link
	count     *counters
	wake      int          // an event that is readable once the capture ends
	named     func() error // whether the namespace still has its name; may be nil

	// What SetSampling uses, with sampling.mu: the program without sampling, and
	// whether the socket no longer takes frames.
	sampling *sampling
	program  []bpf.RawInstruction
	ending   bool
	// rates are those of the frames in the ring, weights what of them is not over.
	rates   atomic.Pointer[rates]
	weights rates
	used    time.Duration // processor time of the thread that is in count already

	next                                  int // the block that comes next
	frame                                 source.Frame
	at                                    int64     // the time of the last frame
	tick                                  time.Time // when the worker was told the time last
	nsLooked                              time.Time
	deadline                              time.Time // when draining is over, once it began
	received, bytes, truncated, malformed uint64    // not yet added to count
}

func (r *ring) close() {
	if r.mem != nil {
		_ = unix.Munmap(r.mem)
		r.mem = nil
	}
	_ = unix.Close(r.fd)
}

// run hands frames to w until ctx ends or the interface is gone.
func (r *ring) run(ctx context.Context, w source.Worker) error {
	// The processor time is that of a thread; its goroutine keeps to it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	r.used, _ = threadTime()
	defer r.publish()
	r.tick = time.Now()
	for ctx.Err() == nil {
		if r.ready() {
			r.block(ctx, w)
			continue
		}
		if err := r.wait(); err != nil {
			return err
		}
		if err := r.due(w); err != nil {
			r.drain(w)
			return err
		}
	}
	r.drain(w)
	return nil
}

// due tells the worker the time when it is time to, and looks whether the
// interface is still there.
func (r *ring) due(w source.Worker) error {
	now := time.Now()
	if d := now.Sub(r.tick); d >= 0 && d < source.TickInterval {
		return nil
	}
	r.tick = now
	r.publish()
	// A worker that is behind lives in the past, so that it does not take a flow
	// for idle whose frames are waiting.
	at := now.UnixNano()
	if r.at != 0 && r.at < at && r.ready() {
		at = r.at
	}
	w.Tick(at)
	if gone(r.fd) {
		return ErrGone
	}
	if r.named != nil && now.Sub(r.nsLooked) >= nsCheck {
		r.nsLooked = now
		return r.named()
	}
	return nil
}

// wait waits for a block, until it is time to tell the time.
func (r *ring) wait() error {
	left := max(source.TickInterval-time.Since(r.tick), 0)
	fds := [2]unix.PollFd{
		{Fd: int32(r.fd), Events: unix.POLLIN | unix.POLLERR},
		{Fd: int32(r.wake), Events: unix.POLLIN},
	}
	_, err := unix.Poll(fds[:], int((left+time.Millisecond-1)/time.Millisecond))
	if err != nil && !errors.Is(err, unix.EINTR) {
		return fmt.Errorf("wait for frames: %w", err)
	}
	if fds[0].Revents&unix.POLLERR != 0 {
		// Reading the error clears it. ENETDOWN: the kernel takes up the interface
		// again by itself when it comes up.
		soErr, err := unix.GetsockoptInt(r.fd, unix.SOL_SOCKET, unix.SO_ERROR)
		if err != nil {
			return fmt.Errorf("ask for the socket's error: %w", err)
		}
		if e := unix.Errno(soErr); e != 0 && e != unix.ENETDOWN {
			return fmt.Errorf("wait for frames: %w", e)
		}
	}
	return nil
}

// drain hands on what is in the ring already, for a bounded time.
func (r *ring) drain(w source.Worker) {
	now := time.Now()
	r.deadline = now.Add(drainTime)
	quiet := now.Add(r.cfg.BlockTimeout + 5*time.Millisecond)
	r.refuse()
	for time.Now().Before(r.deadline) {
		if r.ready() {
			r.block(context.Background(), w)
			continue
		}
		left := min(time.Until(quiet), time.Until(r.deadline))
		if left <= 0 {
			break
		}
		fds := [1]unix.PollFd{{Fd: int32(r.fd), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds[:], int((left+time.Millisecond-1)/time.Millisecond)); err != nil && !errors.Is(err, unix.EINTR) {
			break
		}
		if fds[0].Revents&unix.POLLERR != 0 {
			_, _ = unix.GetsockoptInt(r.fd, unix.SOL_SOCKET, unix.SO_ERROR)
		}
	}
	for range r.blocks { // too late for these
		if !r.ready() {
			break
		}
		r.count.dropped.Add(uint64(r.header().Num_pkts))
		r.release()
	}
}

// header returns the header of the next block.
func (r *ring) header() *unix.TpacketHdrV1 {
	// struct tpacket_block_desc: version, offset_to_priv, then the header.
	return (*unix.TpacketHdrV1)(unsafe.Pointer(&r.mem[r.next*r.blockSize+8]))
}

// ready reports whether the kernel has handed the next block over.
func (r *ring) ready() bool {
	return atomic.LoadUint32(&r.header().Block_status)&unix.TP_STATUS_USER != 0
}

// release gives the block back to the kernel and goes to the next one.
func (r *ring) release() {
	atomic.StoreUint32(&r.header().Block_status, unix.TP_STATUS_KERNEL)
	r.next++
	if r.next == r.blocks {
		r.next = 0
	}
}

// block hands on the frames of the next block, which is ready. It gives up after
// a while when ctx has ended.
func (r *ring) block(ctx context.Context, w source.Worker) {
	h := r.header()
	// What is in the block was chosen before; so the rates that it has are known.
	known := *r.rates.Load()
	if len(r.weights) > 0 {
		known = known.from(r.weights[0].nr)
	}
	r.weights = known
	block := r.mem[r.next*r.blockSize : (r.next+1)*r.blockSize]
	off, n := int(h.Offset_to_first_pkt), int(h.Num_pkts)
	for i := range n {
		if off < 0 || off > len(block)-minFrame {
			r.malformed++ // the kernel never does this
			break
		}
		hdr := (*unix.Tpacket3Hdr)(unsafe.Pointer(&block[off]))
		r.one(block, off, hdr, w)
		off += int(hdr.Next_offset)
		if i%checkFrames == checkFrames-1 && !r.goOn(ctx, w) {
			r.count.dropped.Add(uint64(n - i - 1))
			break
		}
	}
	r.release()
	r.goOn(ctx, w)
}

// goOn tells the worker the time when it is time to, and whether there is time
// for more of a block.
func (r *ring) goOn(ctx context.Context, w source.Worker) bool {
	now := time.Now()
	if d := now.Sub(r.tick); d < 0 || d >= source.TickInterval {
		r.tick = now
		r.publish()
		w.Tick(min(r.at, now.UnixNano()))
	}
	if r.deadline.IsZero() {
		if ctx.Err() == nil {
			return true
		}
		r.deadline = now.Add(drainTime)
	}
	return now.Before(r.deadline)
}

// one hands on one frame.
func (r *ring) one(block []byte, off int, hdr *unix.Tpacket3Hdr, w source.Worker) {
	start := off + int(hdr.Mac)
	length := min(int(hdr.Snaplen), r.cfg.SnapLen)
	if start < off+minFrame+reserveTag || length < 0 || start+length > len(block) {
		r.malformed++ // the kernel never does this
		return
	}
	f := &r.frame
	f.Wire = int(hdr.Len)
	f.Link = packet.LinkEthernet
	f.Outgoing = block[off+offPktType] == unix.PACKET_OUTGOING
	f.Time = int64(hdr.Sec)*1e9 + int64(hdr.Nsec)
	f.Weight = r.weights.weight(f.Time)
	r.at = f.Time
	if length < f.Wire {
		r.truncated++
	}
	switch {
	case r.link.cooked:
		start = r.cook(block, off, start, length)
		if f.Link = packet.LinkRaw; int(hdr.Mac)+off != start {
			f.Link = packet.LinkLinuxSLL
			f.Wire += reserveCooked
			length += reserveCooked
		}
	case hdr.Status&unix.TP_STATUS_VLAN_VALID != 0 && length >= 12:
		// The addresses move to make room for the tag that the kernel took out.
		tpid := uint16(unix.ETH_P_8021Q)
		if hdr.Status&unix.TP_STATUS_VLAN_TPID_VALID != 0 {
			tpid = hdr.Hv1.Vlan_tpid
		}
		start -= reserveTag
		b := block[start : start+16 : start+16]
		copy(b, b[4:16])
		binary.BigEndian.PutUint16(b[12:], tpid)
		binary.BigEndian.PutUint16(b[14:], uint16(hdr.Hv1.Vlan_tci))
		f.Wire += reserveTag
		length += reserveTag
	}
	f.Data = block[start : start+length : start+length]
	r.received++
	r.bytes += uint64(f.Wire)
	w.Frame(f)
}

// cook writes the header of a Linux cooked frame (LINKTYPE_LINUX_SLL) in front
// of what is neither IPv4 nor IPv6, and returns where the frame begins.
func (r *ring) cook(block []byte, off, start, length int) int {
	proto := binary.BigEndian.Uint16(block[off+offProtocol:])
	if proto == unix.ETH_P_IP || proto == unix.ETH_P_IPV6 {
		return start
	}
	addr := block[off+headerSize : off+headerSize+unix.SizeofSockaddrLinklayer]
	start -= reserveCooked
	b := block[start : start+reserveCooked]
	binary.BigEndian.PutUint16(b[0:], uint16(block[off+offPktType]))
	binary.BigEndian.PutUint16(b[2:], r.link.arphrd)
	binary.BigEndian.PutUint16(b[4:], uint16(block[off+offAddrLen]))
	copy(b[6:14], addr[12:20])
	binary.BigEndian.PutUint16(b[14:], proto)
	return start
}

// publish adds what was counted to what everybody sees.
func (r *ring) publish() {
	r.count.received.Add(r.received)
	r.count.bytes.Add(r.bytes)
	r.count.truncated.Add(r.truncated)
	r.count.malformed.Add(r.malformed)
	r.received, r.bytes, r.truncated, r.malformed = 0, 0, 0, 0
	if used, err := threadTime(); err == nil {
		r.count.cpu.Add(int64(used - r.used))
		r.used = used
	}
	// Reading sets the kernel's numbers to 0.
	if st, err := unix.GetsockoptTpacketStatsV3(r.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS); err == nil {
		r.count.dropped.Add(uint64(st.Drops))
		r.count.freezes.Add(uint64(st.Freeze_q_cnt))
	}
}
