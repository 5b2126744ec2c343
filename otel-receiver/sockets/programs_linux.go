package sockets

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/ringbuf"
	"github.com/cilium/ebpf/rlimit"

	"github.com/skein-net/skein/internal/netns"
)

func spaceOf(path string) (uint64, bool) {
	text, err := os.Readlink(path)
	if err != nil {
		return 0, false
	}
	return netns.ParseLink(text)
}

// programs are those that tell of sockets, as far as the kernel takes them.
type programs struct {
	all    *ebpf.Collection
	links  []link.Link
	events *ringbuf.Reader
	lost   *ebpf.Map
	// tcp and udp are set when there is one for the protocol.
	tcp, udp bool
}

func (p *programs) close() {
	if p.events != nil {
		_ = p.events.Close()
	}
	for _, l := range p.links {
		_ = l.Close()
	}
	if p.all != nil {
		p.all.Close()
	}
}

// attach loads what the kernel takes. Of each program that it does not take, say
// is told why.
func attach(cgroup string, say func(feature string, err error)) *programs {
	p := &programs{}
	if err := rlimit.RemoveMemlock(); err != nil {
		say("ebpf", fmt.Errorf("lift the limit of locked memory: %w", err))
		return p
	}
	spec, err := loadPrograms()
	if err != nil {
		say("ebpf", fmt.Errorf("read programs: %w", err))
		return p
	}
	maps := &ebpf.CollectionSpec{Maps: spec.Maps, Types: spec.Types, ByteOrder: spec.ByteOrder}
	if p.all, err = ebpf.NewCollection(maps); err != nil {
		say("ebpf", fmt.Errorf("make maps: %w", err))
		return p
	}
	p.lost = p.all.Maps[programsMapLost]
	load := func(name string) (*ebpf.Program, error) {
		one := &ebpf.CollectionSpec{Maps: spec.Maps, Programs: map[string]*ebpf.ProgramSpec{name: spec.Programs[name]}, Types: spec.Types, ByteOrder: spec.ByteOrder}
		c, err := ebpf.NewCollectionWithOptions(one, ebpf.CollectionOptions{MapReplacements: p.all.Maps})
		if err != nil {
			return nil, fmt.Errorf("load program %s: %w", name, err)
		}
		defer c.Close()
		return c.DetachProgram(name), nil
	}
	if prog, err := load(programsProgSetState); err != nil {
		say("inet_sock_set_state", err)
	} else {
		l, err := link.AttachRawTracepoint(link.RawTracepointOptions{Name: "inet_sock_set_state", Program: prog})
		if p.keep(prog, l, err) != nil {
			say("inet_sock_set_state", fmt.Errorf("attach to tracepoint: %w", err))
		} else {
			p.tcp = true
		}
	}
	if cgroup == "" {
		say("sock_release", errors.New("cgroup version 2 is not mounted"))
	} else if prog, err := load(programsProgSockRelease); err != nil {
		say("sock_release", err)
	} else {
		l, err := link.AttachCgroup(link.CgroupOptions{Path: cgroup, Attach: ebpf.AttachCgroupInetSockRelease, Program: prog})
		if p.keep(prog, l, err) != nil {
			say("sock_release", fmt.Errorf("attach to cgroup %s: %w", cgroup, err))
		} else {
			p.udp = true
		}
	}
	if !p.tcp && !p.udp {
		return p
	}
	if p.events, err = ringbuf.NewReader(p.all.Maps[programsMapEvents]); err != nil {
		say("ebpf", fmt.Errorf("read events: %w", err))
		p.tcp, p.udp = false, false
	}
	return p
}

// keep notes a link that was made; the program lives on by it.
func (p *programs) keep(prog *ebpf.Program, l link.Link, err error) error {
	defer prog.Close() //nolint:errcheck // nothing to be done
	if err == nil {
		p.links = append(p.links, l)
	}
	return err
}

// start implements [Table.Start].
func (t *Table) start(ctx context.Context) error {
	groups := newCgroups(t.cfg.Proc)
	p := &programs{}
	if t.cfg.NoEBPF {
		t.problem("inet_sock_set_state", errors.New("switched off"), t.fallback())
	} else {
		p = attach(groups.mount, func(feature string, err error) { t.problem(feature, err, t.fallback()) })
	}
	groups2 := newCgroups(t.cfg.Proc)
	poll := &poller{t: t, scan: newScanner(t.cfg.Proc), ps: newProcesses(t.cfg.Proc, groups2), told: p.tcp}
	t.done.Go(func() {
		defer groups2.close()
		poll.run(ctx)
	})
	t.done.Go(func() {
		defer groups.close()
		defer p.close()
		if p.events == nil {
			<-ctx.Done()
			return
		}
		t.read(ctx, p, newProcesses(t.cfg.Proc, groups))
	})
	return nil
}

// fallback says what is done without programs.
func (t *Table) fallback() string {
	return fmt.Sprintf("sockets are asked for every %v: those that live shorter are not known", t.cfg.Poll)
}

// How events are read: the kernel wakes the reader only when there are many.
const (
	readEvery = 50 * time.Millisecond
	batch     = 512
)

// read notes what the programs tell, until ctx is done.
func (t *Table) read(ctx context.Context, p *programs, ps *processes) {
	var rec ringbuf.Record
	type told struct {
		event
		by *process
	}
	list := make([]told, 0, batch)
	malformed := uint64(0)
	for ctx.Err() == nil {
		list = list[:0]
		p.events.SetDeadline(time.Now().Add(readEvery))
		for len(list) < batch {
			if err := p.events.ReadInto(&rec); errors.Is(err, os.ErrDeadlineExceeded) {
				break
			} else if err != nil {
				t.problem("ebpf", fmt.Errorf("read events: %w", err), t.fallback())
				return
			}
			e, err := decodeEvent(rec.RawSample)
			if err != nil {
				malformed++
				continue
			}
			list = append(list, told{e, ps.event(&e)})
		}
		t.events.Add(uint64(len(list)))
		if len(list) > 0 {
			now := t.now().UnixNano()
			t.mu.Lock()
			for i := range list {
				t.apply(&list[i].event, list[i].by, now)
			}
			t.mu.Unlock()
		}
		t.lost.Store(malformed + p.countLost())
	}
}

// countLost adds up what found no room on all processors.
func (p *programs) countLost() (sum uint64) {
	var each []uint64
	if p.lost.Lookup(uint32(0), &each) == nil {
		for _, n := range each {
			sum += n
		}
	}
	return sum
}
