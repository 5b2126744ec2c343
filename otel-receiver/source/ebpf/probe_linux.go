package ebpf

import (
	"errors"
	"fmt"
	"os"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"
)

// loopback is the index of the loopback interface in every namespace.
const loopback = 1

// Probe tries what captures need: it loads the programs of one, and attaches a
// program that does nothing to the loopback interface of this namespace. All of
// it is gone when it returns. It takes about a fifth of a second.
func Probe() Features {
	f := Features{Kernel: release()}
	if err := usable(); err != nil {
		f.problem(FeatureEBPF, fmt.Errorf("on Linux %s: %w", f.Kernel, err), insteadPackets)
		return f
	}
	f.Usable = true
	if err := haveTCX(); err != nil {
		f.problem(FeatureTCX, fmt.Errorf("on Linux %s: %w (tcx came with Linux 6.6)", f.Kernel, err), insteadClsact)
	} else {
		f.TCX = true
	}
	if err := haveBatch(); err != nil {
		f.problem(FeatureBatch, fmt.Errorf("on Linux %s: %w (batches came with Linux 5.6)", f.Kernel, err), insteadSingle)
	} else {
		f.Batch = true
	}
	return f
}

// usable loads what a capture loads.
func usable() error {
	cfg := DefaultConfig()
	cfg.Flows = MinFlows
	p, err := load(cfg, false)
	if err != nil {
		return explain(err)
	}
	defer p.close()
	if _, err := p.runTest(madeFrame(), 1); err != nil {
		return err
	}
	return nil
}

// explain says of an error what it may come from.
func explain(err error) error {
	if _, e := os.Stat("/sys/kernel/btf/vmlinux"); errors.Is(e, os.ErrNotExist) {
		return fmt.Errorf("%w; the kernel has no type information (CONFIG_DEBUG_INFO_BTF, /sys/kernel/btf/vmlinux)", err)
	}
	if errors.Is(err, ebpf.ErrNotSupported) {
		return fmt.Errorf("%w; Linux 5.15 or later is needed", err)
	}
	return err
}

// haveTCX attaches a program that lets everything pass.
func haveTCX() error {
	if err := rlimit.RemoveMemlock(); err != nil {
		return fmt.Errorf("lift the limit on locked memory: %w", err)
	}
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "skein_probe", Type: ebpf.SchedCLS, License: "GPL",
		Instructions: asm.Instructions{asm.Mov.Imm32(asm.R0, -1), asm.Return()},
	})
	if err != nil {
		return fmt.Errorf("load program: %w", err)
	}
	defer p.Close()
	l, err := link.AttachTCX(link.TCXOptions{Interface: loopback, Program: p, Attach: ebpf.AttachTCXIngress, Anchor: link.Tail()})
	if err != nil {
		return err
	}
	if err := l.Close(); err != nil {
		return fmt.Errorf("detach: %w", err)
	}
	return nil
}

// haveBatch reads a map as captures do.
func haveBatch() error {
	m, err := ebpf.NewMap(&ebpf.MapSpec{Name: "skein_probe", Type: ebpf.Hash, KeySize: keySize, ValueSize: 8, MaxEntries: 4})
	if err != nil {
		return fmt.Errorf("make map: %w", err)
	}
	defer m.Close()
	keys, values := make([][keySize]byte, 4), make([]uint64, 4)
	if err := m.Put(keys[0], values[0]); err != nil {
		return fmt.Errorf("write to map: %w", err)
	}
	var cursor ebpf.MapBatchCursor
	n, err := m.BatchLookupAndDelete(&cursor, keys, values, nil)
	if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return err
	}
	if n != 1 {
		return fmt.Errorf("read %d of one value", n)
	}
	return nil
}

// release is the kernel's release.
func release() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}
