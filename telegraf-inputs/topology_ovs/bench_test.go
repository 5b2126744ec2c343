package topology_ovs //nolint:revive // see topology_ovs.go

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/agent"
	"github.com/influxdata/telegraf/testutil"

	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/ovstest"
)

// BenchmarkLivePorts is what a bridge of 1,000 internal ports costs the plugin:
// what it takes to list them, to see 100 more come and go, to read all statistics
// once, and to do nothing but report for half a minute.
func BenchmarkLivePorts(b *testing.B) {
	const ports, more = 1000, 100
	i := ovstest.Start(b, ovstest.Config{})
	i.AddBridge("br0", "--", "set-fail-mode", "br0", "secure")
	for n := 0; n < ports; n += more {
		addPorts(i, "p", n, n+more)
	}
	for b.Loop() {
		p := New()
		p.HostID, p.Log, p.Servers = "h1", testutil.Logger{Quiet: true}, []string{"unix:" + i.DBSocket()}
		ch := make(chan telegraf.Metric, 1000)
		go func() {
			for m := range ch {
				m.Accept()
			}
		}()
		acc := agent.NewAccumulator(quiet{}, ch)
		if err := p.Init(); err != nil {
			b.Fatal(err)
		}
		entities := func(want int) {
			proctest.Eventually(b, time.Minute, fmt.Sprint(want, " entities"), func() error {
				if got := p.feeds.Stats()[0].Entities; got != want {
					return fmt.Errorf("%d", got)
				}
				return nil
			})
		}
		before := memory()
		measure(b, "list", func() {
			if err := p.Start(acc); err != nil {
				b.Fatal(err)
			}
			entities(2*(ports+1) + 2)
		})
		measure(b, "churn", func() {
			addPorts(i, "x", 0, more)
			entities(2*(ports+1+more) + 2)
			var args []string
			for n := range more {
				args = append(args, "--", "del-port", fmt.Sprint("x", n))
			}
			i.Vsctl(args[1:]...)
			entities(2*(ports+1) + 2)
		})
		measure(b, "gather", func() {
			if err := p.Gather(acc); err != nil {
				b.Fatal(err)
			}
		})
		measure(b, "idle-30s", func() { time.Sleep(30 * time.Second) })
		b.ReportMetric(float64(memory()-before)/(1<<20), "heap-MiB")
		b.ReportMetric(rss(b), "rss-MiB")
		p.Stop()
		close(ch)
	}
}

func addPorts(i *ovstest.Instance, prefix string, from, to int) {
	var args []string
	for n := from; n < to; n++ {
		name := prefix + strconv.Itoa(n)
		args = append(args, "--", "add-port", "br0", name, "--", "set", "interface", name, "type=internal")
	}
	i.Vsctl(args[1:]...)
}

// measure reports the CPU time of this process, and the time on the clock.
func measure(b *testing.B, what string, f func()) {
	cpu, start := cpuTime(b), time.Now()
	f()
	b.ReportMetric(float64((cpuTime(b)-cpu).Microseconds())/1000, what+"-cpu-ms")
	b.ReportMetric(float64(time.Since(start).Microseconds())/1000, what+"-ms")
}

func cpuTime(b *testing.B) time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

func memory() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func rss(b *testing.B) float64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.Atoi(strings.Fields(value)[0])
			if err != nil {
				b.Fatal(err)
			}
			return float64(kib) / 1024
		}
	}
	return 0
}

// quiet is what an accumulator asks of a running input.
type quiet struct{}

func (quiet) LogName() string                              { return "bench" }
func (quiet) MakeMetric(m telegraf.Metric) telegraf.Metric { return m }
func (quiet) Log() telegraf.Logger                         { return testutil.Logger{Quiet: true} }
