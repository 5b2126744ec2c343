package mapping_test

import (
	"errors"
	"maps"
	"testing"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/database"
	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/mapping"
)

func TestRoot(t *testing.T) {
	tables := recorded(t)
	m := mapper(t, tables)
	for _, r := range tables.Root {
		if want := "h1/" + r.UUID; m.Database() != want {
			t.Errorf("the database is %s, want %s", m.Database(), want)
		}
		ch := tables.Remove(r)
		if err := m.Change([]database.Change{ch}); !errors.Is(err, mapping.ErrNoRoot) {
			t.Errorf("without a root row: %v", err)
		}
	}
	if _, err := mapping.New(config(), database.NewTables()); !errors.Is(err, mapping.ErrNoRoot) {
		t.Errorf("an empty database: %v", err)
	}
}

// TestClones: machines that were made of one image have the same database, and
// share no entity.
func TestClones(t *testing.T) {
	seen := make(map[entity.UUID]string)
	for _, host := range []string{"h1", "h2"} {
		m, err := mapping.New(mapping.Config{HostID: host}, recorded(t))
		if err != nil {
			t.Fatal(err)
		}
		set, _ := m.Take()
		for _, ev := range set {
			if other, ok := seen[ev.UUID()]; ok {
				t.Errorf("%s %s is of %s and of %s", ev.Type, ev.Attributes.Get("Name").Str(), other, host)
			}
			seen[ev.UUID()] = host
			for _, r := range ev.Relationships {
				if r.Target.Type != entity.TypeHost && r.Target.ID.Get(entity.IDDatabase) != m.Database() {
					t.Errorf("%s of %s leads to %v", ev.Type, host, r.Target)
				}
			}
		}
	}
}

// TestRemotes: they are what is asked about, while there is a tunnel that leads
// there.
func TestRemotes(t *testing.T) {
	tables := recorded(t)
	cfg, asked := config(), make(map[string]bool)
	cfg.LocalIP = func(remote string) string { asked[remote] = true; return "" }
	m, err := mapping.New(cfg, tables)
	if err != nil {
		t.Fatal(err)
	}
	m.Take()
	if got := m.Remotes(); !maps.Equal(got, asked) || !got["172.31.0.2"] || !got["fd00::2"] || len(got) != 2 {
		t.Errorf("asked about %v, told %v", asked, got)
	}
	for _, i := range tables.Interfaces {
		tables.Remove(i)
	}
	if got := m.Remotes(); len(got) != 0 {
		t.Errorf("without tunnels: %v", got)
	}
}

func TestReconfigure(t *testing.T) {
	m := mapper(t, recorded(t))
	m.Take()
	cfg := config()
	cfg.NetNS = "1"
	m.Reconfigure(cfg)
	set, _ := m.Take()
	n := 0
	for _, ev := range set {
		ev.Attributes.Lookup("Ovs.NetNS", func(v entity.Value) bool {
			if v.Str() == "1" {
				n++
			}
			return true
		})
	}
	if n == 0 {
		t.Errorf("none of %d entities is in the other namespace", len(set))
	}
}

func TestNames(t *testing.T) {
	tables := recorded(t)
	m := mapper(t, tables)
	for uuid, i := range tables.Interfaces {
		n := m.Interface(uuid)
		if n.Name != i.Name || n.Entity != entity.RowRef(entity.TypeOvsInterface, m.Database(), uuid).UUID() {
			t.Errorf("%s is called %+v", i.Name, n)
		}
		if i.Name == "v1a" && (n.Port != "bond0" || n.Bridge != "br-bond" || n.Type != "system" || !n.Device) {
			t.Errorf("v1a is called %+v", n)
		}
	}
	if n := m.Interface("no such row"); n != (mapping.Names{}) {
		t.Errorf("a row that is not there is called %+v", n)
	}
}
