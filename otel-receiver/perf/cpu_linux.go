package main

import "golang.org/x/sys/unix"

// processor is the processor time of this process so far, in nanoseconds.
func processor() int64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return u.Utime.Nano() + u.Stime.Nano()
}
