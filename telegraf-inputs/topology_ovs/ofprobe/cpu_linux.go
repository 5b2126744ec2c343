package ofprobe

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// work runs f and returns the CPU time that it took on its thread
// (clock_gettime(2), CLOCK_THREAD_CPUTIME_ID). Time during which the host ran
// something else does not count: it would make the probe read ever less on a
// busy host.
func work(f func()) time.Duration {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	start, ok := threadTime()
	wall := time.Now()
	f()
	end, ok2 := threadTime()
	if !ok || !ok2 {
		return time.Since(wall)
	}
	return end - start
}

func threadTime() (time.Duration, bool) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
		return 0, false
	}
	return time.Duration(ts.Nano()), true
}
