package ofprobe

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/telegraf-inputs/internal/feedtest"
	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/openflow"
	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/ovstest"
)

// variety are the rules with which package openflow is tested, by the version
// that ovs-ofctl needs for them, less those that not each version can read.
func variety(t *testing.T) map[string]string {
	t.Helper()
	lines := func(name string) []string {
		b, err := os.ReadFile(filepath.Join("..", "openflow", "testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		return strings.Split(string(b), "\n")
	}
	files := make(map[string]string)
	for n, match := range lines("matches.txt") {
		if match == "" || match[0] == '#' || strings.Contains(match, "packet_type") || strings.Contains(match, "actset_output") {
			continue
		}
		files["10"] += fmt.Sprintf("priority=%d,cookie=%d,%s,actions=output:%d\n", n, n, match, n+1)
	}
	for n, line := range lines("actions.txt") {
		v, rest, ok := strings.Cut(line, " ")
		if !ok || line[0] == '#' || strings.ContainsAny(v, "#=") {
			continue
		}
		match, actions, ok := strings.Cut(rest, "|")
		if !ok {
			match, actions = "", rest
		}
		if strings.Contains(actions, "cap(") || strings.Contains(actions, "nsh") || strings.Contains(actions, "group") ||
			strings.Contains(actions, "meter") || strings.Contains(actions, "write_metadata") {
			continue
		}
		files[v] += fmt.Sprintf("table=1,priority=%d,%s,actions=%s\n", n, match, actions)
	}
	for v, text := range files {
		path := filepath.Join(t.TempDir(), v)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		files[v] = path
	}
	return files
}

// TestOpenVSwitchVariety has rules with each field and action told as changes,
// and then read: both say the same, which is what ovs-ofctl says.
func TestOpenVSwitchVariety(t *testing.T) {
	if testing.Short() {
		t.Skip("runs Open vSwitch")
	}
	i := ovstest.Start(t, ovstest.Config{})
	files := variety(t)
	for _, v := range []openflow.Version{openflow.V10, openflow.V13, openflow.V14, openflow.V15} {
		t.Run(v.String(), func(t *testing.T) {
			l := newLab(t, i, fmt.Sprint("br", v), func(c *Config) { c.Version = v })
			l.Ofctl("add-tlv-map", l.target(), "{class=0xffff,type=0,len=4}->tun_metadata0,"+
				"{class=0xffff,type=1,len=8}->tun_metadata1,{class=0xffff,type=2,len=16}->tun_metadata63")
			for _, with := range []string{"10", "11", "12", "13", "14", "15"} {
				if path := files[with]; path != "" {
					l.Ofctl("-O", "OpenFlow"+with, "add-flows", l.target(), path)
				}
			}
			n := l.agree(t, v)
			if n < 200 {
				t.Errorf("only %d rules", n)
			}
			st := l.probe.Stats()[l.bridge.Name]
			l.world.See(func(s feedtest.State) {
				// A rule that a read names otherwise than a change would be deleted.
				t.Logf("%d rules, %d changes, %d reads, %d deleted", n, st.Changes, st.Reads, s.Deleted)
				if s.Deleted != 0 || st.Undecoded != 0 {
					t.Errorf("%d deleted, %d not decoded", s.Deleted, st.Undecoded)
				}
			})
		})
	}
}

// TestOpenVSwitchAlike has rules of which ovs-ofctl prints the same: they are
// two where the switch tells them apart, and else one that stays what it is.
func TestOpenVSwitchAlike(t *testing.T) {
	if testing.Short() {
		t.Skip("runs Open vSwitch")
	}
	i := ovstest.Start(t, ovstest.Config{})
	for v, want := range map[openflow.Version]int{openflow.V10: 6, openflow.V14: 5} {
		t.Run(v.String(), func(t *testing.T) {
			l := newLab(t, i, fmt.Sprint("br", v), func(c *Config) { c.Version, c.Interval = v, time.Second })
			l.Ofctl("add-tlv-map", l.target(), "{class=0xffff,type=0,len=4}->tun_metadata0")
			for n, match := range []string{
				"tun_metadata0=0xbe", "tun_metadata0=0xbe/0xffff", "tcp,tcp_flags=0x2", "tcp,tcp_flags=0x2/0xfff", "vlan_tci=0", "vlan_tci=0/0x1fff",
			} {
				l.Ofctl("add-flow", l.target(), fmt.Sprintf("%s,actions=output:%d", match, n+1))
			}
			rules := make(map[string]string)
			see := func(s feedtest.State) error {
				clear(rules)
				for _, ev := range s.All(entity.TypeOFRule) {
					rules[fmt.Sprint(ev.ID)] = feedtest.Text(&ev, "ActionsText")
				}
				if len(rules) != want {
					return fmt.Errorf("%d rules, want %d: %v", len(rules), want, rules)
				}
				return nil
			}
			reads := func(n uint64) {
				t.Helper()
				n += l.probe.Stats()[l.bridge.Name].Reads
				l.world.Eventually(t, patience, "some reads", func(s feedtest.State) error {
					if got := l.probe.Stats()[l.bridge.Name].Reads; got < n {
						return fmt.Errorf("%d reads, want %d", got, n)
					}
					return see(s)
				})
			}
			reads(2) // the first may have begun before the last change
			first := maps.Clone(rules)
			reads(2)
			if !maps.Equal(first, rules) {
				t.Errorf("%v became %v", first, rules)
			}
			st := l.probe.Stats()[l.bridge.Name]
			if (st.Alike > 0) != (want < 6) || st.Cut != 0 {
				t.Errorf("%+v", st)
			}
		})
	}
}
