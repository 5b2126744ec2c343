package guest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// startScript returns the shell script with which the guest goes on once it
// has its root file system: it mounts what a running system has, runs the
// command and leaves the exit status in the folder of the run.
func (im *Image) startScript(o Options, cmd []string) (string, error) {
	dir := o.Dir
	if dir == "" {
		d, err := os.Getwd()
		if err != nil {
			return "", fmt.Errorf("find working directory: %w", err)
		}
		dir = d
	}
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("exec </dev/null >/dev/console 2>&1")
	// The first process must not end; a reset ends QEMU, which runs with -no-reboot.
	line("trap 'sync; echo b >/proc/sysrq-trigger; sleep 60' EXIT")
	line("export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root SKEIN_GUEST=1")
	line("mkdir -p /dev/pts /dev/shm /lib/modules /root")
	for _, m := range [][2]string{
		{"devpts", "/dev/pts"}, {"tmpfs", "/dev/shm"}, {"cgroup2", "/sys/fs/cgroup"}, {"bpf", "/sys/fs/bpf"},
		{"tracefs", "/sys/kernel/tracing"}, {"debugfs", "/sys/kernel/debug"},
	} {
		line("mount -t %s none %s", m[0], m[1])
	}
	line("mount --bind %s /lib/modules", quote(filepath.Join(im.Dir, "lib/modules")))
	line("hostname guest; ip link set lo up; modprobe tun")
	if o.Out != "" {
		out, err := filepath.Abs(o.Out)
		if err != nil {
			return "", fmt.Errorf("find output folder: %w", err)
		}
		line("mkdir -p %s", quote(out))
		line("mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000 out %s || exit", quote(out))
	}
	line("cd %s || exit", quote(dir))
	line("setsid -w env -i PATH=\"$PATH\" HOME=/root SKEIN_GUEST=1 %s %s </dev/null >>/run/guest/stdout 2>>/run/guest/stderr",
		quoteAll(o.Env), quoteAll(cmd))
	line("echo $? >/run/guest/exit")
	return b.String(), nil
}

// quote makes one word of a POSIX shell from a string.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func quoteAll(ss []string) string {
	q := make([]string, len(ss))
	for i, s := range ss {
		q[i] = quote(s)
	}
	return strings.Join(q, " ")
}
