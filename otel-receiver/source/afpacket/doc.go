// Package afpacket captures from an interface of Linux, in any network
// namespace, through the kernel's memory-mapped ring (packet(7), TPACKET_V3,
// https://docs.kernel.org/networking/packet_mmap.html). It needs neither cgo nor
// libpcap, copies no frame, and while there is nothing to capture costs a few
// wake-ups a second.
//
// # What is seen
//
// Frames as the kernel has them: those received before its filters and bridges
// change them, those sent after. A card or driver that joins segments (GRO, LRO)
// or has yet to split them (TSO, GSO) shows one long frame, whose length counts
// as it is; interface counters of some drivers count its segments. PACKET_VNET_HDR,
// which would tell the size of the segments, is not used.
//
// A VLAN tag that the kernel took out of the frame is put back in front of the
// type, also the outer one of two; what is left of the snap length does not
// matter to it, so that a frame may be 4 bytes longer than the snap length.
//
// On a loopback interface every packet passes twice, out and in; only the second
// is captured.
//
// Interfaces that are not like Ethernet (tun, ppp, sit, gre, wireguard) are
// captured without their link header: as IP, and as Linux "cooked" frames where
// the protocol is another.
//
// # Several workers
//
// Each worker has a ring of its own, and the kernel spreads frames by a hash of
// addresses and ports that is the same in both directions (PACKET_FANOUT_HASH).
// Fragments are hashed by their addresses alone: all fragments between two hosts
// meet in one worker, which may be another than that of the whole packets of the
// same conversation. They are not reassembled (PACKET_FANOUT_FLAG_DEFRAG), since
// that would hide them. The kernel looks into GRE and IP-in-IP and hashes what is
// inside, for UDP tunnels it hashes the outer ports, as spread by their sender.
// A full ring never spills into another one (PACKET_FANOUT_FLAG_ROLLOVER): that
// would tear conversations apart; what does not fit is counted.
//
// # Sampling
//
// [Source.SetSampling] puts a few instructions in front of the filter, which keep
// one frame of n at random before anything is copied. The filter of a socket is
// replaced in one step and the ring stays; frames in it keep the weight that they
// were chosen with, which their time tells. Dropped counts frames that were
// chosen and did not fit.
//
// Workers keep to threads of their own, whose processor time Stats tells.
//
// # Memory
//
// A ring is RingMiB per worker, kernel memory that is taken when capturing
// starts and never grows. A frame takes some 90 bytes more in it than is captured
// of it: with the default 16 MiB and snap length of 256 bytes it holds 48,000 long
// or 110,000 minimal frames, a tenth of a second at a million a second.
//
// This package must never decode frames or keep one.
package afpacket
