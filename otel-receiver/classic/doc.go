// Package classic turns classic BPF, the programs of socket filters, into eBPF:
// a function int f(struct __sk_buff *skb) for programs of the kinds that tc and
// tcx run, which returns what the classic program returns.
//
// The result means what the program means on an AF_PACKET socket: the frame
// begins with its link layer header, loads are in network order, a load beyond
// the end and a division by 0 end the program with 0, memory and registers begin
// as 0, shifts by more than 31 give 0 (as in libpcap), and the outermost VLAN tag
// is asked of the kernel.
//
// It loads nothing into the kernel, and it must never make a program that the
// verifier could refuse for anything but its size: code that cannot be reached is
// left out, and jumps go forward.
package classic
