package drops

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/rlimit"
)

// program counts drops in the kernel.
type program struct {
	all  *ebpf.Collection
	link link.Link
	// active is which map is written to.
	active uint32
	keys   []key
	values []uint64
}

// key is struct key of bpf/drops.c as bytes.
type key [dropSize]byte

// counts is struct counts of bpf/drops.c.
type counts struct {
	Seen, Skipped, Overflow, Other, Second, Since uint64
}

// errReason is why nothing is counted before Linux 5.17.
var errReason = errors.New("the kernel gives no reasons for drops (Linux 5.17)")

// kernelReasons reads the names of reasons from the types of the running kernel.
func kernelReasons() (reasons, error) {
	types, err := btf.LoadKernelSpec()
	if err != nil {
		return nil, fmt.Errorf("read the types of the kernel: %w", err)
	}
	list := func(name string) map[string]uint64 {
		var enum *btf.Enum
		if types.TypeByName(name, &enum) != nil {
			return nil
		}
		values := make(map[string]uint64, len(enum.Values))
		for _, v := range enum.Values {
			values[v.Name] = v.Value
		}
		return values
	}
	core := list("skb_drop_reason")
	if core == nil {
		return nil, errReason
	}
	return newReasons(core, list("skb_drop_reason_subsys")), nil
}

// attach loads the program and attaches it.
func attach(cfg Config, names reasons) (*program, error) {
	if err := rlimit.RemoveMemlock(); err != nil {
		return nil, fmt.Errorf("lift the limit of locked memory: %w", err)
	}
	spec, err := loadPrograms()
	if err != nil {
		return nil, fmt.Errorf("read program: %w", err)
	}
	if err := spec.Variables["limit"].Set(uint64(cfg.Limit)); err != nil {
		return nil, fmt.Errorf("set limit: %w", err)
	}
	if err := spec.Variables["ignored"].Set(names.bits(cfg.Ignore)); err != nil {
		return nil, fmt.Errorf("set reasons to ignore: %w", err)
	}
	p := &program{keys: make([]key, 1024), values: make([]uint64, 1024)}
	if p.all, err = ebpf.NewCollection(spec); err != nil {
		return nil, fmt.Errorf("load program: %w", err)
	}
	p.link, err = link.AttachRawTracepoint(link.RawTracepointOptions{Name: "kfree_skb", Program: p.all.Programs[programsProgKfreeSkb]})
	if err != nil {
		p.all.Close()
		return nil, fmt.Errorf("attach to tracepoint kfree_skb: %w", err)
	}
	return p, nil
}

func (p *program) close() {
	_ = p.link.Close()
	p.all.Close()
}

// grace is how long the program may go on with the map that it began with.
const grace = 10 * time.Millisecond

// drain makes the other map the one that is written to and calls fn with what is
// in the first, which is empty afterwards.
func (p *program) drain(ctx context.Context, fn func(k []byte, n uint64)) error {
	full := p.all.Maps[[2]string{programsMapDrops0, programsMapDrops1}[p.active]]
	p.active ^= 1
	if err := p.all.Variables["active"].Set(p.active); err != nil {
		return fmt.Errorf("change maps: %w", err)
	}
	select {
	case <-ctx.Done():
	case <-time.After(grace):
	}
	var cursor ebpf.MapBatchCursor
	for {
		n, err := full.BatchLookupAndDelete(&cursor, p.keys, p.values, nil)
		for i := range n {
			fn(p.keys[i][:], p.values[i])
		}
		switch {
		case errors.Is(err, ebpf.ErrKeyNotExist):
			return nil
		case err != nil:
			return fmt.Errorf("read counts: %w", err)
		}
	}
}

// start implements [Table.Start].
func (t *Table) start(ctx context.Context) error {
	names, err := kernelReasons()
	if err != nil {
		t.problem("kfree_skb", err, "flows do not say what the kernel dropped")
		return nil
	}
	t.mu.Lock()
	t.reasons = names
	t.mu.Unlock()
	p, err := attach(t.cfg, names)
	if err != nil {
		t.problem("kfree_skb", err, "flows do not say what the kernel dropped")
		return nil
	}
	t.done.Go(func() {
		defer p.close()
		t.run(ctx, p)
	})
	return nil
}

// run reads counts until ctx is done, and once more then.
func (t *Table) run(ctx context.Context, p *program) {
	ticker := time.NewTicker(t.cfg.Interval)
	defer ticker.Stop()
	for end := false; !end; {
		select {
		case <-ctx.Done():
			end = true
		case <-ticker.C:
		}
		if err := t.read(ctx, p); err != nil {
			t.problem("kfree_skb", err, "flows do not say what the kernel drops from now on")
			return
		}
	}
}

// read reads counts once.
func (t *Table) read(ctx context.Context, p *program) error {
	type read struct {
		drop
		n uint64
	}
	var list []read
	err := p.drain(ctx, func(k []byte, n uint64) {
		if d, err := decodeDrop(k); err == nil {
			list = append(list, read{d, n})
		}
	})
	now := t.now()
	t.mu.Lock()
	for i := range list {
		t.add(&list[i].drop, list[i].n, now.UnixNano())
	}
	t.expire(now.Add(-t.cfg.Keep).UnixNano())
	t.mu.Unlock()
	t.drains.Add(1)

	var each []counts
	if p.all.Maps[programsMapCounts].Lookup(uint32(0), &each) == nil {
		var sum counts
		for _, c := range each {
			sum.Seen += c.Seen
			sum.Skipped += c.Skipped
			sum.Overflow += c.Overflow
			sum.Other += c.Other
		}
		t.seen.Store(sum.Seen)
		t.sampled.Store(sum.Skipped)
		t.overflow.Store(sum.Overflow)
		t.other.Store(sum.Other)
	}
	return err
}
