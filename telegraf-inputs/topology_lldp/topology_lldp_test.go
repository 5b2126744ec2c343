package topology_lldp //nolint:revive // see topology_lldp.go

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/telegraf/config"
	"github.com/influxdata/telegraf/testutil"
	"github.com/influxdata/toml"
	"go.uber.org/goleak"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/netns/netnstest"
	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/telegraf-inputs/internal/feedtest"
	"github.com/skein-net/skein/telegraf-inputs/topology_lldp/lldptest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestInit(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*TopologyLLDP)
		want   string // "" for none, else part of the error
	}{
		"default":        {func(*TopologyLLDP) {}, ""},
		"lldpd":          {func(p *TopologyLLDP) { p.Mode = modeLLDPD }, ""},
		"mode":           {func(p *TopologyLLDP) { p.Mode = "snmp" }, "mode is"},
		"protocol":       {func(p *TopologyLLDP) { p.Protocols = []string{"edp"} }, "unknown protocol"},
		"no protocol":    {func(p *TopologyLLDP) { p.Protocols = nil }, "no protocol"},
		"identity":       {func(p *TopologyLLDP) { p.SwitchIdentity = "mac" }, "switch_identity is"},
		"max_neighbors":  {func(p *TopologyLLDP) { p.MaxNeighbors = 0 }, "neighbors per interface"},
		"no socket":      {func(p *TopologyLLDP) { p.Mode, p.LLDPDSocket = modeLLDPD, "" }, "no socket"},
		"bad pattern":    {func(p *TopologyLLDP) { p.Interfaces = []string{"[", "*"} }, "pattern"},
		"no namespaces":  {func(p *TopologyLLDP) { p.Namespaces, p.ScanInterval = false, 0 }, ""},
		"scan_interval":  {func(p *TopologyLLDP) { p.ScanInterval = 0 }, "interval of process scans"},
		"short interval": {func(p *TopologyLLDP) { p.ReportInterval = config.Duration(time.Millisecond) }, "report interval"},
	} {
		p := New()
		c.change(p)
		err := p.Init()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// TestSampleConfig: the settings in the sample are the defaults, and the README
// shows the sample.
func TestSampleConfig(t *testing.T) {
	text := New().SampleConfig()
	var out []string
	for _, line := range strings.Split(text, "\n") {
		if rest, ok := strings.CutPrefix(line, "  # "); ok {
			line = rest
		}
		if !strings.HasPrefix(strings.TrimSpace(line), "##") && !strings.HasPrefix(line, "[[") {
			out = append(out, line)
		}
	}
	p := New()
	if p.ReportInterval != config.Duration(time.Minute) {
		t.Errorf("reported every %v", time.Duration(p.ReportInterval))
	}
	if err := toml.Unmarshal([]byte(strings.Join(out, "\n")), p); err != nil {
		t.Fatalf("%v\n%s", err, strings.Join(out, "\n"))
	}
	want := New()
	if got, want := fmt.Sprintf("%+v", *p), fmt.Sprintf("%+v", *want); strings.ReplaceAll(got, "[]", "") != strings.ReplaceAll(want, "[]", "") {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(readme), "```toml @sample.conf\n"+text+"```") {
		t.Error("README.md does not show sample.conf as it is")
	}
}

// TestBothModes hears one neighbour by itself and by a running lldpd.
func TestBothModes(t *testing.T) {
	lldptest.Need(t)
	host, peer := netnstest.Add(t), netnstest.Add(t)
	netnstest.Veth(t, host, "eth0", peer, "eth0")
	netnstest.Run(t, "ip", "-n", host, "link", "set", "eth0", "up")
	netnstest.Run(t, "ip", "-n", peer, "link", "set", "eth0", "up")
	near := lldptest.Start(t, host, "near", 3)
	lldptest.Start(t, peer, "far", 120)
	seen := make(map[string]entity.Event)
	for _, mode := range []string{modeListen, modeLLDPD} {
		p := New()
		p.HostID, p.Mode, p.Log = "h1", mode, testutil.Logger{Name: mode}
		p.RootNetNS, p.Namespaces, p.LLDPDSocket = netnstest.Path(host), false, near.Socket
		w := feedtest.Run(t, p)
		w.Eventually(t, time.Minute, "the neighbour in mode "+mode, func(s feedtest.State) error {
			if _, ok := s.Find(entity.TypeSwitch, "Name", "far"); !ok {
				return fmt.Errorf("%d switches", len(s.All(entity.TypeSwitch)))
			}
			ev, ok := s.Find(entity.TypeSwitchPort, "Name", "eth0")
			if !ok {
				return fmt.Errorf("no port")
			}
			seen[mode] = ev
			return nil
		})
		if err := p.Gather(w.Accumulator()); err != nil {
			t.Error(err)
		}
		proctest.Eventually(t, time.Minute, "its figures", func() error {
			_ = p.Gather(w.Accumulator())
			if p.source.Stats().Neighbors != 1 {
				return fmt.Errorf("%+v", p.source.Stats())
			}
			return nil
		})
		p.Stop()
	}
	a, b := seen[modeListen], seen[modeLLDPD]
	if !a.Ref.Equal(b.Ref) || a.Source != b.Source || a.Source != "lldp/h1" || len(a.Relationships) != 3 || !a.Relationships[2].Equal(&b.Relationships[2]) {
		t.Errorf("listening %v, lldpd %v", a, b)
	}
	for _, path := range []string{"LLDP.PortID", "LLDP.PortIDType", "LLDP.Description", "LLDP.TTL"} {
		if x, y := feedtest.Text(&a, path), feedtest.Text(&b, path); x == "" || x != y {
			t.Errorf("%s: %q, by lldpd %q", path, x, y)
		}
	}
}

// TestNothing: where there is nothing to hear the input is silent.
func TestNothing(t *testing.T) {
	p := New()
	log := &testutil.CaptureLogger{}
	p.Log, p.Mode, p.LLDPDSocket = log, modeLLDPD, t.TempDir()+"/none"
	w := feedtest.Run(t, p)
	proctest.Eventually(t, time.Minute, "an attempt", func() error {
		if s := p.feeds.Stats(); s[0].Breaks == 0 {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
	if err := p.Gather(w.Accumulator()); err != nil {
		t.Error(err)
	}
	for _, m := range log.Messages() {
		if m.Level != 'D' {
			t.Errorf("%c %s", m.Level, m.Text)
		}
	}
	p.Stop()
	p.Stop()
	if err := p.Gather(w.Accumulator()); err != nil {
		t.Error(err)
	}
}
