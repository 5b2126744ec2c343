package ebpf

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/features"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/skein-net/skein/otel-receiver/classic"
	"github.com/skein-net/skein/otel-receiver/packet"
)

// programs are the loaded programs and their maps.
type programs struct {
	in, out, test *ebpf.Program
	flows         [2]*ebpf.Map
	ring          *ebpf.Map
	control       *ebpf.Map
	stats         *ebpf.Map
	barrier       *barrier
	// sample is how many bytes of data a value has.
	sample int
}

// loaded is what is taken of the collection: all but variables, whose memory would
// keep their maps until the garbage collector comes by.
type loaded struct {
	In      *ebpf.Program `ebpf:"skein_in"`
	Out     *ebpf.Program `ebpf:"skein_out"`
	Test    *ebpf.Program `ebpf:"skein_test"`
	Flows0  *ebpf.Map     `ebpf:"flows_0"`
	Flows1  *ebpf.Map     `ebpf:"flows_1"`
	Ring    *ebpf.Map     `ebpf:"ring"`
	Control *ebpf.Map     `ebpf:".data.control"`
	Stats   *ebpf.Map     `ebpf:"stats"`
}

// load puts programs and maps into the kernel.
func load(cfg Config, raw bool) (_ *programs, err error) {
	// Before Linux 5.11 maps count as locked memory.
	if err := rlimit.RemoveMemlock(); err != nil {
		return nil, fmt.Errorf("lift the limit on locked memory: %w", err)
	}
	spec, err := loadKernel()
	if err != nil {
		return nil, fmt.Errorf("read programs: %w", err)
	}
	p := &programs{sample: SmallSample}
	if cfg.SnapLen > SmallSample {
		p.sample = LargeSample
	}
	if err := configure(spec, cfg, raw, p.sample); err != nil {
		return nil, err
	}
	var l loaded
	if err := spec.LoadAndAssign(&l, nil); err != nil {
		if errors.Is(err, unix.EPERM) {
			return nil, fmt.Errorf("load programs: %w (needs CAP_BPF and CAP_NET_ADMIN, or CAP_SYS_ADMIN)", err)
		}
		return nil, fmt.Errorf("load programs: %w", err)
	}
	p.in, p.out, p.test = l.In, l.Out, l.Test
	p.flows = [2]*ebpf.Map{l.Flows0, l.Flows1}
	p.ring, p.stats, p.control = l.Ring, l.Stats, l.Control
	if p.barrier, err = newBarrier(); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// mayProbe reports whether programs of this process may read the structures of
// the kernel: with CAP_PERFMON, or CAP_SYS_ADMIN (capabilities(7)), where the
// kernel is not locked down to keep secrets (kernel_lockdown(7)).
func mayProbe() bool {
	return features.HaveProgramHelper(ebpf.SchedCLS, asm.FnProbeReadKernel) == nil
}

// controlMap is the section of the variable control.
const controlMap = ".data.control"

func (p *programs) close() {
	if p.barrier != nil {
		p.barrier.close()
	}
	for _, c := range []io.Closer{p.in, p.out, p.test, p.flows[0], p.flows[1], p.ring, p.stats, p.control} {
		_ = c.Close()
	}
}

// configure sets what is constant for the programs.
func configure(spec *ebpf.CollectionSpec, cfg Config, raw bool, sample int) error {
	for _, name := range []string{kernelMapFlows0, kernelMapFlows1, kernelMapBlank} {
		spec.Maps[name].ValueSize = uint32(valueHead + sample)
	}
	spec.Maps[kernelMapFlows0].MaxEntries = uint32(cfg.Flows)
	spec.Maps[kernelMapFlows1].MaxEntries = uint32(cfg.Flows)
	size := uint32(unix.Getpagesize())
	for size < uint32(cfg.RingKiB)<<10 {
		size *= 2
	}
	spec.Maps[kernelMapRing].MaxEntries = size
	var secrets [64]uint32
	var random [4 * len(secrets)]byte
	_, _ = rand.Read(random[:]) // never fails (crypto/rand)
	for i := range secrets {
		secrets[i] = binary.NativeEndian.Uint32(random[4*i:])
	}
	var some [16]uint64
	var ports [maxPorts]uint16
	var kinds [maxPorts]uint8
	for i, t := range tunnelPorts(cfg.Tunnels) {
		some[t.port>>6&15] |= 1 << (t.port & 63)
		ports[i], kinds[i] = t.port, t.kind
	}
	var rawLink uint8
	if raw {
		rawLink = 1
	}
	var probes uint8
	if mayProbe() {
		probes = 1
	}
	for name, v := range map[string]any{
		kernelVarMayProbe: probes, kernelVarNh: secrets, kernelVarSomePorts: some, kernelVarTunnelPorts: ports, kernelVarTunnelKinds: kinds,
		kernelVarRawLink: rawLink, kernelVarSampleLen: uint32(sample),
		kernelVarControl: control{Rate: [2]uint32{cfg.Sampling, cfg.Sampling}},
	} {
		if err := spec.Variables[name].Set(v); err != nil {
			return fmt.Errorf("set %s: %w", name, err)
		}
	}
	return setFilter(spec, cfg.Filter, raw)
}

// setFilter puts the filter in the place of the one that takes all.
func setFilter(spec *ebpf.CollectionSpec, filter Filter, raw bool) error {
	if filter == nil {
		return nil
	}
	link := packet.LinkEthernet
	if raw {
		link = packet.LinkRaw
	}
	prog, err := filter(link)
	if err != nil {
		return fmt.Errorf("compile filter: %w", err)
	}
	if takesAll(prog) {
		return nil
	}
	if err := spec.Variables[kernelVarHasFilter].Set(uint8(1)); err != nil {
		return fmt.Errorf("set %s: %w", kernelVarHasFilter, err)
	}
	for name, way := range map[string]classic.Direction{
		kernelProgSkeinIn: classic.Ingress, kernelProgSkeinOut: classic.Egress,
	} {
		function, err := classic.Translate(prog, classic.Options{Symbol: filterSymbol, Direction: way})
		if err == nil {
			err = classic.Replace(spec.Programs[name], filterSymbol, function)
		}
		if err != nil {
			return fmt.Errorf("translate filter: %w", err)
		}
	}
	return nil
}

const filterSymbol = "skein_filter"

// takesAll reports whether a filter refuses nothing.
func takesAll(prog []bpf.RawInstruction) bool {
	const returnK = 0x06
	return len(prog) == 0 || prog[0].Op == returnK && prog[0].K != 0
}

// barrier waits for programs that run now. The kernel waits for them when an
// element of an array of maps is replaced, so that nobody uses the old one
// (maybe_wait_bpf_programs, kernel/bpf/syscall.c, since Linux 5.0).
type barrier struct{ outer, inner *ebpf.Map }

func newBarrier() (*barrier, error) {
	spec := ebpf.MapSpec{Name: "skein_barrier", Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1}
	inner, err := ebpf.NewMap(&spec)
	if err != nil {
		return nil, fmt.Errorf("make map: %w", err)
	}
	outer, err := ebpf.NewMap(&ebpf.MapSpec{
		Name: "skein_barrier", Type: ebpf.ArrayOfMaps, KeySize: 4, ValueSize: 4, MaxEntries: 1, InnerMap: spec.Copy(),
	})
	if err != nil {
		_ = inner.Close()
		return nil, fmt.Errorf("make map of maps: %w", err)
	}
	return &barrier{outer, inner}, nil
}

func (b *barrier) wait() error {
	if err := b.outer.Put(uint32(0), b.inner); err != nil {
		return fmt.Errorf("wait for programs: %w", err)
	}
	return nil
}

func (b *barrier) close() {
	_ = b.outer.Close()
	_ = b.inner.Close()
}

// memory estimates what maps take in the kernel with so many flows in them.
func (p *programs) memory(flows uint64) uint64 {
	element := uint64(256)
	if p.sample > SmallSample {
		element = 512
	}
	var n uint64
	for _, m := range p.flows {
		n += 16 << bits.Len32(m.MaxEntries()-1)
	}
	return n + flows*element + uint64(p.ring.MaxEntries())
}
