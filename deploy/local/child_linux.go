package main

import "syscall"

// childAttributes gives a child its own process group, and lets the kernel
// stop it when this process is killed (prctl(2), PR_SET_PDEATHSIG; it goes by
// the thread, so main keeps its own).
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
