package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/skein-net/skein/internal/perf/table"
	"github.com/skein-net/skein/otel-receiver/source/liveframes"
)

// flows is how many flows the packets of a run belong to.
const flows = 4096

// wire is a veth pair between two namespaces: frames arrive at vb in b.
type wire struct {
	a, b  string
	flows int // of the packets that are sent
}

func newWire(ctx context.Context) (*wire, error) {
	w := &wire{fmt.Sprintf("skein-perf-a-%d", os.Getpid()), fmt.Sprintf("skein-perf-b-%d", os.Getpid()), flows}
	for _, args := range [][]string{
		{"netns", "add", w.a},
		{"netns", "add", w.b},
		{"-n", w.a, "link", "add", "va", "type", "veth", "peer", "name", "vb", "netns", w.b},
		{"-n", w.a, "link", "set", "va", "up"},
		{"-n", w.b, "link", "set", "vb", "up"},
		{"-n", w.b, "link", "set", "lo", "up"},
		{"-n", w.b, "addr", "add", "10.0.0.2/24", "dev", "vb"},
	} {
		if out, err := exec.CommandContext(ctx, "ip", args...).CombinedOutput(); err != nil {
			w.remove()
			return nil, fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, out)
		}
	}
	return w, nil
}

func (w *wire) remove() {
	for _, ns := range []string{w.a, w.b} {
		// It may not be there, and the run may have been interrupted.
		_ = exec.CommandContext(context.Background(), "ip", "netns", "del", ns).Run()
	}
}

// frame is 60 bytes of UDP between addresses that are not this host's.
func frame() []byte {
	f := make([]byte, 60)
	copy(f, []byte{2, 0, 0, 0, 0, 0xff, 2, 0, 0, 0, 0, 1, 8, 0,
		0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 9,
		0x03, 0xe8, 0, 53, 0, 26, 0, 0})
	sum := uint32(0)
	for i := 14; i < 34; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(f[i:]))
	}
	sum = sum&0xffff + sum>>16
	binary.BigEndian.PutUint16(f[24:], ^uint16(sum+sum>>16))
	return f
}

// send has the frames arrive at a rate, 0 for as fast as they can.
func (w *wire) send(ctx context.Context, frames, rate int) (liveframes.Result, error) {
	return liveframes.Child(ctx, liveframes.Config{
		NetNS: filepath.Join("/run/netns", w.b), Interface: "vb", Count: frames, Time: 50 * time.Second, Rate: rate,
		Frame: frame(), Vary: 34, Values: w.flows,
	})
}

// observed is what a program saw of a run.
type observed struct {
	seen, lost uint64
	cpu        time.Duration
	// sending is the part of cpu until the last packet was sent.
	sending  time.Duration
	rss      int
	programs ran
}

// watcher is a program that captures on vb.
type watcher interface {
	// begin starts it and returns when it captures.
	begin(ctx context.Context, w *wire, dir string) error
	// process is the one whose time is taken.
	process() int
	// counts returns what it has seen and lost since begin; final is set when it
	// may be stopped for the answer.
	counts(ctx context.Context) (seen, lost uint64, err error)
	end()
}

func measureCapture(ctx context.Context, t *table.Table, bin, only string, frames int) error {
	if only == "code" {
		return nil
	}
	if os.Geteuid() != 0 {
		fmt.Fprintln(os.Stderr, "perf: captures are measured by root only")
		return nil
	}
	w, err := newWire(ctx)
	if err != nil {
		return err
	}
	defer w.remove()
	dir, err := os.MkdirTemp("", "skein-perf")
	if err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	defer os.RemoveAll(dir)

	if only == "" || only == "capture" {
		if err := measurePackets(ctx, t, w, bin, dir, frames); err != nil {
			return err
		}
	}
	if only == "" || only == "ebpf" {
		return measureEBPF(ctx, t, w, bin, dir, frames)
	}
	return nil
}

// measurePackets measures captures by packet sockets beside other programs that
// have one.
func measurePackets(ctx context.Context, t *table.Table, w *wire, bin, dir string, frames int) error {
	if err := idle(ctx, t, w, bin, dir); err != nil {
		return err
	}
	for _, rate := range []int{500_000, 1_000_000, 0} {
		at := "as fast as they can be sent"
		if rate > 0 {
			at = fmt.Sprintf("%d packets/s offered", rate)
		}
		for _, c := range []struct {
			name string
			make func() watcher
			goal string
		}{
			{"the Collector, one worker", func() watcher { return newCollector(bin, 1) }, "no loss at 1 M packets/s, 0.5 CPU s"},
			{"softflowd", func() watcher { return &softflowd{} }, ""},
			{"tcpdump to /dev/null", func() watcher { return &tcpdump{} }, ""},
		} {
			got, sent, took, err := observe(ctx, w, c.make(), dir, frames, rate)
			if err != nil {
				t.Add(c.name+", "+at, c.goal, "not measured: %v", err)
				continue
			}
			t.Add(fmt.Sprintf("%s, %s (%d flows)", c.name, at, flows), c.goal,
				"%.2f M packets/s, %.2f %% lost, %.2f CPU s per million packets, %d MiB", float64(sent)/took.Seconds()/1e6,
				100*(1-min(1, float64(got.seen)/float64(sent))), got.cpu.Seconds()/float64(max(1, got.seen))*1e6, got.rss)
		}
	}
	return nil
}

// observe has frames sent while a program captures.
func observe(ctx context.Context, w *wire, c watcher, dir string, frames, rate int) (o observed, sent int, took time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	if err := c.begin(ctx, w, dir); err != nil {
		return o, 0, 0, err
	}
	defer c.end()
	seen0, lost0, err := c.counts(ctx)
	if err != nil {
		return o, 0, 0, err
	}
	cpu0 := cpu(c.process())
	res, err := w.send(ctx, frames, rate)
	if err != nil {
		return o, 0, 0, fmt.Errorf("send: %w", err)
	}
	o.sending = cpu(c.process()) - cpu0
	// What has arrived is counted once the numbers rest.
	var last uint64
	settled := 3
	if r, ok := c.(interface{ rests() int }); ok {
		settled = r.rests()
	}
	for rest := 0; rest < settled; {
		if err := sleep(ctx, 500*time.Millisecond); err != nil {
			return o, 0, 0, err
		}
		seen, lost, err := c.counts(ctx)
		if err != nil {
			return o, 0, 0, err
		}
		o.seen, o.lost = seen-seen0, lost-lost0
		if rest++; seen != last {
			last, rest = seen, 0
		}
	}
	o.cpu, o.rss, o.programs = cpu(c.process())-cpu0, rss(c.process()), programTime()
	return o, res.Sent, res.Took, nil
}

// idle measures what a capture costs that sees nothing.
func idle(ctx context.Context, t *table.Table, w *wire, bin, dir string) error {
	c := newCollector(bin, 1)
	if err := c.begin(ctx, w, dir); err != nil {
		return err
	}
	defer c.end()
	if err := sleep(ctx, 5*time.Second); err != nil {
		return err
	}
	from, begin := cpu(c.process()), time.Now()
	if err := sleep(ctx, 20*time.Second); err != nil {
		return err
	}
	t.Add("the Collector with one capture, idle", "1 % of a core, 100 MB with the inputs",
		"%.2f %% of a core, %d MiB resident", 100*(cpu(c.process())-from).Seconds()/time.Since(begin).Seconds(), rss(c.process()))
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// cpu is the processor time of a process (proc(5), stat, in ticks of 10 ms).
func cpu(pid int) time.Duration {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

var resident = regexp.MustCompile(`VmRSS:\s+(\d+) kB`)

// rss is the resident memory of a process in MiB.
func rss(pid int) int {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if m := resident.FindSubmatch(b); m != nil {
		n, _ := strconv.Atoi(string(m[1]))
		return n / 1024
	}
	return 0
}
