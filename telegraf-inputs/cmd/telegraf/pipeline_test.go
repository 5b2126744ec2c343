package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/plugins/inputs"
	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/entity/lineproto"
	"github.com/skein-net/skein/telegraf-inputs/internal/report"
)

// reporting is an input whose entities the test sets itself.
type reporting struct {
	cfg     report.Config
	started chan *report.Reporter
	r       *report.Reporter
	Log     telegraf.Logger `toml:"-"`
}

func (*reporting) SampleConfig() string              { return "" }
func (*reporting) Gather(telegraf.Accumulator) error { return nil }
func (p *reporting) Stop()                           { p.r.Stop() }
func (p *reporting) Start(acc telegraf.Accumulator) (err error) {
	if p.r, err = report.New(p.cfg, acc, p.Log); err != nil {
		return err
	}
	p.r.Start(context.Background())
	p.started <- p.r
	return nil
}

// receiver is an HTTP server that takes line protocol as topologyd does.
type receiver struct {
	mu    sync.Mutex
	lines map[entity.UUID]string // the last line of each, without its time
	total int
	got   chan struct{} // signalled for each request when there is room
}

func (s *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	var dec lineproto.Decoder
	s.mu.Lock()
	for _, line := range bytes.Split(bytes.TrimSpace(body), []byte("\n")) {
		rec, err := dec.Decode(line)
		if err != nil {
			s.mu.Unlock()
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		content, _, _ := lineproto.TrimTime(line)
		s.lines[rec.Event.UUID()] = string(content)
		s.total++
	}
	s.mu.Unlock()
	select {
	case s.got <- struct{}{}:
	default:
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *receiver) counts() (entities, lines int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.lines), s.total
}

// throughAgent runs an agent on the shipped configuration, changed only in its
// input and in what edit does, and calls f while it runs.
func throughAgent(t testing.TB, edit func(string) string, f func(r *report.Reporter, s *receiver)) {
	t.Helper()
	srv := &receiver{lines: make(map[entity.UUID]string), got: make(chan struct{}, 1)}
	ts := httptest.NewServer(srv)
	defer ts.Close()
	t.Setenv("SKEIN_HTTP", strings.TrimPrefix(ts.URL, "http://"))

	shipped, err := os.ReadFile("../../../deploy/local/telegraf.conf")
	require.NoError(t, err)
	name := fmt.Sprintf("reporting_%p", srv)
	text := strings.Replace(string(shipped), "[[inputs.topology_host]]", "[[inputs."+name+"]]", 1)
	require.NotEqual(t, string(shipped), text)
	text = regexp.MustCompile(`(?m)^\[\[inputs\.topology_\w+\]\]$`).ReplaceAllString(text, "") // they see this machine
	conf := t.TempDir() + "/telegraf.conf"
	require.NoError(t, os.WriteFile(conf, []byte(edit(text)), 0o600))

	cfg := report.DefaultConfig()
	cfg.Source = "test"
	cfg.Tags = map[string]string{"input": name}
	started := make(chan *report.Reporter, 1)
	inputs.Add(name, func() telegraf.Input { return &reporting{cfg: cfg, started: started} })
	defer delete(inputs.Inputs, name)

	ctx, cancel := context.WithCancel(t.Context())
	code := make(chan int, 1)
	go func() { code <- run(ctx, []string{"--config", conf, "--quiet"}, io.Discard, os.Stderr) }()
	select {
	case r := <-started:
		f(r, srv)
	case c := <-code:
		t.Fatalf("the agent ended with %d", c)
	}
	cancel()
	require.Zero(t, <-code)
}

func iface(n int, name string) entity.Event {
	return entity.Event{
		Ref: entity.InterfaceRef("host", "4026531840", fmt.Sprint(n)),
		Attributes: entity.Attrs{
			entity.A("IfIndex", entity.Int(int64(n))),
			entity.A("MAC", entity.String("02:00:00:00:00:01")),
			entity.A("MTU", entity.Int(1500)),
			entity.A("Name", entity.String(name)),
			entity.A("State", entity.String("UP")),
			entity.A("Type", entity.String("veth")),
		},
		Relationships: []entity.Relationship{{Type: entity.RelPartOf, Target: entity.NetNSRef("host", "4026531840", "4")}},
	}
}

// TestFirstReportThroughTelegraf sends 50,000 entities at once through the
// real agent with the shipped settings, and with buffers far too small.
func TestFirstReportThroughTelegraf(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a whole agent under load")
	}
	const entities = 50_000
	for name, edit := range map[string]func(string) string{
		"as shipped": func(s string) string { return s },
		"buffer of 1000": func(s string) string {
			return strings.NewReplacer("metric_buffer_limit = 200000", "metric_buffer_limit = 1000",
				"metric_batch_size = 2000", "metric_batch_size = 200").Replace(s)
		},
	} {
		t.Run(name, func(t *testing.T) {
			throughAgent(t, edit, func(r *report.Reporter, s *receiver) {
				begin := time.Now()
				for i := range entities {
					r.Set(iface(i, "veth0"))
				}
				for deadline := time.Now().Add(3 * time.Minute); ; {
					got, lines := s.counts()
					if got == entities {
						t.Logf("%d entities in %d lines after %v", got, lines, time.Since(begin).Round(time.Millisecond))
						return
					}
					require.True(t, time.Now().Before(deadline), "%d of %d entities arrived", got, entities)
					<-s.got
				}
			})
		})
	}
}

// TestOneStateIsOneLine: the receiver knows an unchanged report by its bytes.
func TestOneStateIsOneLine(t *testing.T) {
	throughAgent(t, func(s string) string { return s }, func(r *report.Reporter, s *receiver) {
		id := iface(1, "").UUID()
		lines := map[string]bool{}
		for i := range 10 {
			name := []string{"veth0", "veth1"}[i%2]
			r.Set(iface(1, name))
			eventually(t, "line with "+name, func() bool {
				s.mu.Lock()
				defer s.mu.Unlock()
				lines[s.lines[id]] = true
				return strings.Contains(s.lines[id], `Name="`+name+`"`)
			})
		}
		delete(lines, "")
		require.Len(t, lines, 2)
	})
}

// BenchmarkChangeThroughTelegraf is the time from a change until the receiver
// has it, through the agent with the shipped settings (flush every 100 ms).
func BenchmarkChangeThroughTelegraf(b *testing.B) {
	throughAgent(b, func(s string) string { return s }, func(r *report.Reporter, s *receiver) {
		var times []time.Duration
		i := 0
		for b.Loop() {
			i++
			name := fmt.Sprint("veth", i)
			begin := time.Now()
			r.Set(iface(1, name))
			for arrived := false; !arrived; {
				<-s.got
				s.mu.Lock()
				arrived = strings.Contains(s.lines[iface(1, "").UUID()], name)
				s.mu.Unlock()
			}
			times = append(times, time.Since(begin))
			// Changes do not come in step with the flush.
			time.Sleep(time.Duration(i*7%100) * time.Millisecond)
		}
		slices.Sort(times)
		b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, "ms-p50")
		b.ReportMetric(float64(times[len(times)*99/100].Microseconds())/1000, "ms-p99")
	})
}
