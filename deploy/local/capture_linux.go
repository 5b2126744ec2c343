package main

import "golang.org/x/sys/unix"

// mayCapture reports whether packets may be captured: with CAP_NET_RAW (see
// packet(7)), which root has.
func mayCapture() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return false
	}
	return data[0].Effective&(1<<unix.CAP_NET_RAW) != 0
}
