package place

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/entity/lineproto"
	"github.com/skein-net/skein/internal/netns"
	"github.com/skein-net/skein/internal/netns/netnstest"
)

// lab makes two namespaces with interfaces of several kinds and returns their
// paths.
func lab(t *testing.T) (root, other string) {
	t.Helper()
	a, b := netnstest.Add(t), netnstest.Add(t)
	netnstest.Veth(t, a, "va", b, "vb")
	for _, args := range []string{
		a + " link add br0 type bridge",
		b + " link add br1 type bridge",
		b + " link property add dev br1 altname the-bridge-of-the-lab",
		b + " tuntap add t0 mode tun",
	} {
		netnstest.Run(t, append([]string{"ip", "-n"}, strings.Fields(args)...)...)
	}
	return netnstest.Path(a), netnstest.Path(b)
}

// TestFacts checks places against what is known of them.
func TestFacts(t *testing.T) {
	root, other := lab(t)
	cfg := Config{HostName: "lab", RootNetNS: root}
	host := entity.HostTID("lab")
	ns := entity.TID(host, other, entity.TypeNetNS)
	for _, tc := range []struct {
		path, iface string
		want        Place
	}{
		{root, "lo", Place{NodeTID: entity.TID(host, "lo", "device"), Interface: "lo", Type: "device", IfIndex: 1}},
		{root, "va", Place{NodeTID: entity.TID(host, "va", "veth"), Interface: "va", Type: "veth"}},
		{other, "vb", Place{NodeTID: entity.TID(ns, "vb", "veth"), Interface: "vb", Type: "veth", NetNS: other}},
		{other, "br1", Place{NodeTID: entity.TID(ns, "br1", "bridge"), Interface: "br1", Type: "bridge", NetNS: other}},
		{other, "the-bridge-of-the-lab", Place{NodeTID: entity.TID(ns, "br1", "bridge"), Interface: "br1", Type: "bridge", NetNS: other}},
		{other, "t0", Place{NodeTID: entity.TID(ns, "t0", "tun"), Interface: "t0", Type: "tun", NetNS: other}},
		{"/var" + other, "lo", Place{NodeTID: entity.TID(ns, "lo", "device"), Interface: "lo", Type: "device", IfIndex: 1, NetNS: other}},
	} {
		got, err := Find(cfg, tc.path, tc.iface)
		if tc.want.HostName = "lab"; tc.want.IfIndex == 0 {
			tc.want.IfIndex = got.IfIndex
		}
		if err != nil || got != tc.want || got.IfIndex < 1 {
			if tc.path == "/var"+other && errors.Is(err, os.ErrNotExist) {
				continue // no /var/run here
			}
			t.Errorf("%s in %s: %+v, %v, want %+v", tc.iface, tc.path, got, err, tc.want)
		}
	}
	if _, err := Find(cfg, root, "nosuch"); !errors.Is(err, unix.ENODEV) {
		t.Errorf("no such interface: %v", err)
	}
	if _, err := Find(cfg, root+"x", "lo"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no such namespace: %v", err)
	}
}

// TestNamespaceOfProcess looks at a namespace whose name is in none of the
// directories.
func TestNamespaceOfProcess(t *testing.T) {
	_, other := lab(t)
	cfg := Config{HostName: "lab", NetNSDirs: []string{t.TempDir()}}
	if _, err := Find(cfg, other, "lo"); !errors.Is(err, ErrNoPath) {
		t.Errorf("no process: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var ends []func()
	defer func() {
		for _, end := range ends {
			end()
		}
	}()
	lowest := 0
	for range 2 {
		n, err := netns.Open(other)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(ctx, "sleep", "60")
		if err := n.Do(cmd.Start); err != nil {
			t.Fatal(err)
		}
		n.Close()
		ends = append(ends, func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
		if lowest == 0 || cmd.Process.Pid < lowest {
			lowest = cmd.Process.Pid
		}
	}
	got, err := Find(cfg, other, "vb")
	if want := "/proc/" + strconv.Itoa(lowest) + "/ns/net"; err != nil || got.NetNS != want {
		t.Errorf("%+v, %v, want %s", got, err, want)
	}
}

// TestAsTheInputReports builds the input, lets it report a small network, and
// expects the same TID for every interface as its report makes.
func TestAsTheInputReports(t *testing.T) {
	root, other := lab(t)
	program := filepath.Join(t.TempDir(), "telegraf-topology")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "github.com/skein-net/skein/telegraf-inputs/cmd/telegraf-topology")
	if out, err := build.CombinedOutput(); err != nil {
		t.Skipf("cannot build the input: %v: %s", err, out)
	}
	// A second name in a directory that comes first.
	dir := t.TempDir()
	preferred := filepath.Join(dir, "zz")
	if err := os.WriteFile(preferred, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	netnstest.Run(t, "mount", "--bind", other, preferred)
	t.Cleanup(func() { netnstest.Run(t, "umount", preferred) })
	for _, dirs := range [][]string{{"/run/netns"}, {dir, "/run/netns"}} {
		conf := filepath.Join(t.TempDir(), "topology.conf")
		quoted := `"` + strings.Join(dirs, `", "`) + `"`
		text := fmt.Sprintf("[[inputs.topology_host]]\nhost_id = \"lab-id\"\nhost_name = \"lab\"\nroot_netns = %q\nnetns_dirs = [%s]\nprocess_namespaces = false\n", root, quoted)
		if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg := Config{HostName: "lab", NetNSDirs: dirs, RootNetNS: root}
		want := make(map[string]entity.UUID)
		for _, i := range []struct{ path, name string }{{root, "lo"}, {root, "va"}, {root, "br0"}, {other, "lo"}, {other, "vb"}, {other, "br1"}, {other, "t0"}} {
			p, err := Find(cfg, i.path, i.name)
			if err != nil {
				t.Fatal(err)
			}
			want[p.NetNS+" "+p.Interface] = p.NodeTID
		}
		tids := report(ctx, t, program, conf, root, other, len(want))
		for name, tid := range want {
			if got, ok := tids[name]; !ok || got != tid {
				t.Errorf("%s: the report makes %s, found %s", name, got, tid)
			}
		}
	}
}

// report runs the input until it has reported n interfaces of the two
// namespaces, and returns the TIDs that their facts make, by path and name.
func report(ctx context.Context, t *testing.T, program, conf, root, other string, n int) map[string]entity.UUID {
	t.Helper()
	id, err := netns.Stat(other)
	if err != nil {
		t.Fatal(err)
	}
	rootID, err := netns.Stat(root)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "-config", conf)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		stdin.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	hostName, path := "", ""
	type link struct{ name, typ, inode string }
	links := make(map[entity.UUID]link)
	ours := func() (count int) {
		for _, l := range links {
			if l.inode == fmt.Sprint(id.Inode) || l.inode == fmt.Sprint(rootID.Inode) {
				count++
			}
		}
		return count
	}
	var d lineproto.Decoder
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 16<<20)
	for (hostName == "" || path == "" || ours() < n) && lines.Scan() {
		rec, err := d.Decode(lines.Bytes())
		if err != nil {
			t.Fatalf("decode %s: %v", lines.Text(), err)
		}
		e := rec.Event
		name := e.Attributes.Get(entity.KeyName).Str()
		switch e.Ref.Type {
		case entity.TypeHost:
			hostName = name
		case entity.TypeNetNS:
			if e.Attributes.Get("Inode").Int() == int64(id.Inode) {
				path = e.Attributes.Get(entity.KeyPath).Str()
			}
		case entity.TypeInterface:
			if typ := e.Attributes.Get(entity.KeyType).Str(); typ != "" {
				links[e.Ref.UUID()] = link{name, typ, e.Ref.ID.Get(entity.IDNamespace)}
			}
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	out := make(map[string]entity.UUID)
	host := entity.HostTID(hostName)
	for _, l := range links {
		switch l.inode {
		case fmt.Sprint(rootID.Inode):
			out[" "+l.name] = entity.TID(host, l.name, l.typ)
		case fmt.Sprint(id.Inode):
			out[path+" "+l.name] = entity.TID(entity.TID(host, path, entity.TypeNetNS), l.name, l.typ)
		}
	}
	return out
}
