package input_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/telegraf-inputs/internal/feed"
	"github.com/skein-net/skein/telegraf-inputs/internal/feedtest"
	"github.com/skein-net/skein/telegraf-inputs/internal/input"
)

// begin example

// TopologyLeases reports the leases of a DHCP server that writes a file for each.
type TopologyLeases struct {
	input.Common
	Dir string          `toml:"dir"`
	Log telegraf.Logger `toml:"-"`

	feeds input.Feeds
}

func (*TopologyLeases) SampleConfig() string { return "" } // go:embed sample.conf

func (p *TopologyLeases) Init() error { return p.Check() }

func (p *TopologyLeases) Start(acc telegraf.Accumulator) error {
	if err := p.Resolve(); err != nil {
		return err
	}
	cfg := p.Feed("topology_leases", "leases", p.Dir)
	cfg.Resync = time.Second // this source has no events: list it every second
	if err := p.feeds.Add(cfg, &leases{p.Dir, p.HostID}, acc, p.Log); err != nil {
		return err
	}
	p.feeds.Start(context.Background())
	return nil
}

func (p *TopologyLeases) Stop()                             { p.feeds.Stop() }
func (p *TopologyLeases) Gather(telegraf.Accumulator) error { return nil }

// leases is the protocol: it lists, and would follow changes.
type leases struct{ dir, hostID string }

func (l *leases) Follow(ctx context.Context, out *feed.Sink) error {
	files, err := os.ReadDir(l.dir)
	if os.IsNotExist(err) {
		return feed.Absent(err) // no such server here: not worth a word
	} else if err != nil {
		return fmt.Errorf("list leases: %w", err)
	}
	for _, f := range files {
		ip, err := os.ReadFile(filepath.Join(l.dir, f.Name()))
		if err != nil {
			return fmt.Errorf("read lease: %w", err)
		}
		out.Set(l.event(f.Name(), string(ip)))
	}
	out.Listed() // what was there before and is not now has ended
	<-ctx.Done()
	return ctx.Err()
}

// event is the mapping: what is identified how, and belongs to what.
func (l *leases) event(mac, ip string) entity.Event {
	return entity.Event{
		Ref: entity.Ref{Type: "lease", ID: entity.NewIdentity(entity.IDHost, l.hostID, "mac", mac)},
		Attributes: entity.Attrs{
			entity.A(entity.KeyName, entity.String(ip)),
			entity.A(entity.KeyType, entity.String("lease")),
			entity.A("MAC", entity.String(mac)),
		}.Normalize(),
		Relationships: []entity.Relationship{{Type: entity.RelPartOf, Target: entity.HostRef(l.hostID)}},
	}
}

// end example

// begin test

func TestLeases(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "leases")
	p := &TopologyLeases{Common: input.DefaultCommon(), Dir: dir}
	p.HostID = "h1"
	w := feedtest.Run(t, p)
	has := func(want int) {
		t.Helper()
		w.Eventually(t, 10*time.Second, "the leases", func(s feedtest.State) error {
			if got := len(s.All("lease")); got != want {
				return fmt.Errorf("%d leases, want %d", got, want)
			}
			return nil
		})
	}
	require.NoError(t, os.Mkdir(dir, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "02:00:00:00:00:01"), []byte("10.0.0.7"), 0o600))
	has(1)
	require.NoError(t, os.Remove(filepath.Join(dir, "02:00:00:00:00:01")))
	has(0)
}

// end test
