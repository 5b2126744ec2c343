package guest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Options say how a command runs in a guest. The zero value is usable.
type Options struct {
	// Stdout and Stderr take the command's output while it runs; nil drops it.
	Stdout, Stderr io.Writer
	// Out is a folder of this machine that the command may write to, under
	// the same path. Empty: it can write nothing that outlives the guest.
	Out string
	// Env is the command's environment, each "KEY=value", beside PATH, HOME
	// and SKEIN_GUEST=1. Nothing of the caller's environment is passed.
	Env []string
	// Dir is the command's working directory; empty is the caller's.
	Dir string
	// MemoryMB is the guest's memory in MiB, half of which is the writable
	// space; 0 is 1024.
	MemoryMB int
	// CPUs is the number of virtual processors; 0 is 2.
	CPUs int
	// Timeout ends the guest; 0 is 5 minutes. It does not count the wait for
	// other guests.
	Timeout time.Duration
}

const (
	defaultMemoryMB = 1024
	defaultCPUs     = 2
	defaultTimeout  = 5 * time.Minute
	pollOutput      = 50 * time.Millisecond
)

// Run boots the image, runs a command there as root and waits for its end. A
// guest takes about 5 s to start under emulation. The command's program is
// looked up on this machine's own file system, which the guest sees as it is
// at that moment; what it writes there goes away with the guest. The error is
// an [*ExitError] when the command failed and a [*CrashError] when the guest
// ended before it, which includes the end of ctx or of the timeout.
//
// Only one guest runs at a time; Run waits for others until ctx ends.
func (im *Image) Run(ctx context.Context, o Options, cmd ...string) error {
	if len(cmd) == 0 {
		return errors.New("run in guest: no command")
	}
	unlock, err := lockFile(ctx, filepath.Join(filepath.Dir(im.Dir), "lock"))
	if err != nil {
		return err
	}
	defer unlock()
	run, err := os.MkdirTemp("", "skein-guest-")
	if err != nil {
		return fmt.Errorf("make folder for the run: %w", err)
	}
	defer os.RemoveAll(run)
	script, err := im.startScript(o, cmd)
	if err != nil {
		return err
	}
	for name, text := range map[string]string{"start.sh": script, "stdout": "", "stderr": ""} {
		if err := os.WriteFile(filepath.Join(run, name), []byte(text), 0o644); err != nil {
			return fmt.Errorf("write folder of the run: %w", err)
		}
	}
	timeout := o.Timeout
	if timeout == 0 {
		timeout = defaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	qemuErr := im.boot(ctx, run, o)
	if ctx.Err() != nil {
		qemuErr = ctx.Err()
	}
	code, err := os.ReadFile(filepath.Join(run, "exit"))
	if err != nil || len(code) == 0 {
		if qemuErr == nil {
			qemuErr = errors.New("it stopped by itself")
		}
		return &CrashError{Err: qemuErr, Console: consoleTail(run)}
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(code)))
	if err != nil {
		return fmt.Errorf("read exit status: %w", err)
	}
	if n != 0 {
		return &ExitError{Code: n}
	}
	return qemuErr
}

// boot runs QEMU to its end and passes the command's output on meanwhile.
func (im *Image) boot(ctx context.Context, run string, o Options) error {
	args, err := im.qemuArgs(run, o)
	if err != nil {
		return err
	}
	c := command(ctx, run, nil, "qemu-system-x86_64", args...)
	console, err := os.Create(filepath.Join(run, "qemu"))
	if err != nil {
		return fmt.Errorf("create log of QEMU: %w", err)
	}
	defer console.Close()
	c.Stdout, c.Stderr = console, console
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	done := make(chan error, 1)
	go func() {
		// The death signal follows the thread that started the process.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		done <- c.Run()
	}()
	stdout := &follower{path: filepath.Join(run, "stdout"), w: o.Stdout}
	stderr := &follower{path: filepath.Join(run, "stderr"), w: o.Stderr}
	tick := time.NewTicker(pollOutput)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			err = errors.Join(err, stdout.copy(), stderr.copy())
			var exit *exec.ExitError
			if errors.As(err, &exit) {
				return fmt.Errorf("run QEMU: %w", err)
			}
			return err
		case <-tick.C:
			if err := errors.Join(stdout.copy(), stderr.copy()); err != nil {
				cancelled := c.Cancel()
				<-done
				return errors.Join(err, cancelled)
			}
		}
	}
}

// qemuArgs returns the arguments of QEMU: a machine without network, this
// machine's root file system read-only, the folder of the run, the user's.
func (im *Image) qemuArgs(run string, o Options) ([]string, error) {
	mem, cpus := o.MemoryMB, o.CPUs
	if mem == 0 {
		mem = defaultMemoryMB
	}
	if cpus == 0 {
		cpus = defaultCPUs
	}
	accel, cpu := "tcg,thread=multi", "max"
	if hardwareVirtualization() {
		accel, cpu = "kvm", "host"
	}
	args := []string{
		"-M", "pc", "-accel", accel, "-cpu", cpu,
		"-smp", strconv.Itoa(cpus), "-m", strconv.Itoa(mem) + "M",
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-kernel", filepath.Join(im.Dir, fileKernel), "-initrd", filepath.Join(im.Dir, fileInitrd),
		"-append", "console=ttyS0 quiet panic=-1 mitigations=off",
		"-serial", "file:" + filepath.Join(run, "console"),
	}
	share := func(tag, path, more string) error {
		if strings.Contains(path, ",") {
			return fmt.Errorf("share folder with guest: comma in %q", path)
		}
		args = append(args, "-virtfs", "local,path="+path+",mount_tag="+tag+",security_model=none"+more)
		return nil
	}
	err := errors.Join(share("root", "/", ",readonly=on,multidevs=remap"), share("run", run, ""))
	if o.Out != "" {
		out, e := filepath.Abs(o.Out)
		err = errors.Join(err, e, os.MkdirAll(out, 0o755), share("out", out, ""))
	}
	return args, err
}

// hardwareVirtualization reports whether KVM can run an unmodified kernel. A
// /dev/kvm alone does not tell: there are software ones for special guests.
func hardwareVirtualization() bool {
	f, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	if err != nil {
		return false
	}
	f.Close()
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(info)) {
		if k, flags, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == "flags" {
			padded := " " + strings.TrimSpace(flags) + " "
			return strings.Contains(padded, " vmx ") || strings.Contains(padded, " svm ")
		}
	}
	return false
}

// follower copies what is appended to a file.
type follower struct {
	path string
	w    io.Writer
	at   int64
}

func (f *follower) copy() error {
	if f.w == nil {
		return nil
	}
	r, err := os.Open(f.path)
	if err != nil {
		return fmt.Errorf("read output of guest: %w", err)
	}
	defer r.Close()
	if _, err := r.Seek(f.at, io.SeekStart); err != nil {
		return fmt.Errorf("read output of guest: %w", err)
	}
	n, err := io.Copy(f.w, r)
	f.at += n
	if err != nil {
		return fmt.Errorf("copy output of guest: %w", err)
	}
	return nil
}

// consoleTail returns the end of what the guest's kernel and QEMU printed.
func consoleTail(run string) string {
	var b strings.Builder
	for _, name := range []string{"qemu", "console"} {
		text, err := os.ReadFile(filepath.Join(run, name))
		if err == nil {
			b.WriteString(tail(string(text), 4000))
			b.WriteByte('\n')
		}
	}
	return strings.TrimSpace(b.String())
}
