// Package budget keeps what captures use of the processor within what they may:
// above, the source looks at fewer packets, each of which then stands for more;
// when there is room again, at more.
//
// It must never end a capture, and knows nothing of packets.
package budget
