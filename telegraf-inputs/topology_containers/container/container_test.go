package container

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/netns"
)

const hexID = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func testMapper(t testing.TB) *Mapper {
	t.Helper()
	cfg := DefaultConfig()
	cfg.HostID = "h1"
	m, err := NewMapper(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// text is the value at a path as text, all of them joined by commas.
func text(ev entity.Event, path string) string {
	var out []string
	ev.Attributes.Lookup(path, func(v entity.Value) bool {
		switch v.Kind() {
		case entity.KindString:
			out = append(out, v.Str())
		case entity.KindInt:
			out = append(out, strconv.FormatInt(v.Int(), 10))
		case entity.KindBool:
			out = append(out, strconv.FormatBool(v.Bool()))
		case entity.KindList:
			for _, e := range v.List() {
				out = append(out, e.Str())
			}
		default:
			out = append(out, v.Kind().String())
		}
		return true
	})
	return strings.Join(out, ",")
}

func TestEvent(t *testing.T) {
	m := testMapper(t)
	code := 3
	c := &Container{
		Source: SourceDocker, ID: hexID, Name: "web", Image: "nginx:1", ImageID: "sha256:1", Runtime: "runc",
		Status: StatusExited, ExitCode: &code, Created: time.Unix(1700000000, 5), InitPID: 0,
		Labels: map[string]string{"a.b/c": "1", "com.docker.compose.project": "p", "com.docker.compose.service": "s"},
		Networks: []Network{
			{Name: "n2", MAC: "02:42:00:00:00:01"},
			{
				Name: "n1", ID: "x", IPv4: []netip.Prefix{netip.MustParsePrefix("10.0.0.2/24")},
				Gateways: []netip.Addr{netip.MustParseAddr("10.0.0.1")}, Aliases: []string{"web"},
			},
		},
		Ports:  []Port{{HostIP: "0.0.0.0", HostPort: 8080, Port: 80, Protocol: "tcp"}},
		Hosts:  &Hosts{IP: "10.0.0.2", Hostname: "web", ByIP: map[netip.Addr][]string{netip.MustParseAddr("10.0.0.2"): {"web", "w"}}},
		OwnKey: "Docker", Own: entity.Attrs{entity.A("NetworkMode", entity.String("n1"))},
	}
	ev := m.Event(c)
	if err := ev.Validate(); err != nil {
		t.Fatal(err)
	}
	if !ev.Ref.Equal(entity.ContainerRef(hexID)) || ev.Source != "docker" || len(ev.Relationships) != 0 {
		t.Errorf("%+v", ev)
	}
	for path, want := range map[string]string{
		"Name": "web", "Type": "container", "Manager": "docker", "Container.ID": hexID,
		"Container.Image": "nginx:1", "Container.ImageID": "sha256:1", "Container.Runtime": "runc",
		"Container.Status": "exited", "Container.ExitCode": "3", "Container.Created": "2023-11-14T22:13:20Z",
		"Container.Labels.a.b/c": "1", "Container.Compose.Project": "p", "Container.Compose.Service": "s",
		"Container.Networks.Name": "n1,n2", "Container.Networks.IPV4": "10.0.0.2/24",
		"Container.Networks.Gateways": "10.0.0.1", "Container.Networks.Aliases": "web",
		"Container.Ports.HostPort": "8080", "Container.Ports.Port": "80", "Container.Ports.Protocol": "tcp",
		"Container.Hosts.IP": "10.0.0.2", "Container.Hosts.Hostname": "web", "Container.Hosts.ByIP.10.0.0.2": "web,w",
		"Docker.NetworkMode": "n1", "Container.InitProcessPID": "", "Truncated": "", "Limitations": "", "K8s": "",
	} {
		if got := text(ev, path); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
}

// TestExcludeLabels: what is excluded is not in the event at all, and what is
// recognized by it still is.
func TestExcludeLabels(t *testing.T) {
	cfg := DefaultConfig()
	cfg.HostID, cfg.ExcludeLabels = "h1", []string{"*token*", "com.docker.compose.*", "exact"}
	m, err := NewMapper(cfg)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{
		"org.example/token.of": "hidden", "token": "hidden", "exact": "hidden", "com.docker.compose.oneoff": "hidden",
		"com.docker.compose.project": "shop", "exactly": "1", "org.example/team": "web",
	}
	ev := m.Event(&Container{Source: SourceDocker, ID: hexID, Labels: all})
	if all := string(ev.Attributes.AppendJSON(nil)); strings.Contains(all, "hidden") || !strings.Contains(all, "shop") {
		t.Error(all)
	}
	for path, want := range map[string]string{
		"Container.Labels.exactly": "1", "Container.Labels.org.example/team": "web",
		"Container.Labels.com.docker.compose.project": "", "Container.Compose.Project": "shop", "Truncated": "",
	} {
		if got := text(ev, path); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
	if len(all) != 7 {
		t.Errorf("the container was changed: %v", all)
	}
	ev = m.Event(&Container{Source: SourceDocker, ID: hexID, Labels: map[string]string{"token": "hidden"}})
	if ev.Attributes.Get("Container").Map().Has("Labels") {
		t.Errorf("%v", ev.Attributes)
	}
	cfg.ExcludeLabels = []string{"[a"}
	if _, err := NewMapper(cfg); err == nil {
		t.Error("no error for a pattern that is none")
	}
}

func TestRef(t *testing.T) {
	m := testMapper(t)
	for _, c := range []struct {
		c    Container
		want string
	}{
		{Container{ID: hexID, Scope: "containerd/moby"}, hexID},
		{Container{ID: "cc1", Scope: "containerd/default"}, "h1/containerd/default/cc1"},
		{Container{ID: strings.ToUpper(hexID), Scope: "runc"}, "h1/runc/" + strings.ToUpper(hexID)},
		{Container{ID: "x1", Scope: "lxd", Identity: "b3a5"}, "b3a5"},
		{Container{ID: "x\xff", Scope: "runc"}, "h1/runc/x\uFFFD"},
	} {
		if got := m.RefOf(&c.c); !got.Equal(entity.ContainerRef(c.want)) {
			t.Errorf("%+v: %v, want %s", c.c, got, c.want)
		}
	}
}

// TestLimits: whatever the runtime says, the event is valid and says what was cut.
func TestLimits(t *testing.T) {
	m := testMapper(t)
	many := make(map[string]string)
	for i := range 1000 {
		many[fmt.Sprintf("org.example/label-%04d.with.dots", i)] = "some/value." + strconv.Itoa(i)
	}
	ev := m.Event(&Container{Source: "docker", ID: hexID, Labels: many})
	if v := ev.Attributes.Get("Container").Map().Get("Labels").Map(); len(v) != 1000 || ev.Attributes.Has("Truncated") {
		t.Errorf("%d labels, truncated %v", len(v), ev.Attributes.Has("Truncated"))
	}
	if got := text(ev, "Container.Labels.org.example/label-0999.with.dots"); got != "some/value.999" {
		t.Errorf("label is %q", got)
	}

	huge := strings.Repeat("é", 1<<20)
	pairs := make(entity.Attrs, 0, 100)
	for i := range 100 {
		pairs = append(pairs, entity.A(fmt.Sprintf("k%03d", i), entity.String(huge[:16<<10])))
	}
	for name, c := range map[string]Container{
		"long value":     {Labels: map[string]string{"a": huge}},
		"long key":       {Labels: map[string]string{huge: "a"}},
		"bad keys":       {Labels: map[string]string{"": "1", "a\\": "2", "b\nc": "3", "\xff": "4"}},
		"bad value":      {Labels: map[string]string{"a": "\xff\x00"}},
		"too many":       {Labels: labels(10_000, "x")},
		"too much":       {Labels: labels(1000, huge[:8<<10])},
		"own too large":  {OwnKey: "Docker", Own: pairs},
		"names":          {Name: huge, Image: huge + "\xff", Status: huge, Runtime: huge, Hostname: huge},
		"many networks":  {Networks: make([]Network, 70_000)},
		"many ports":     {Ports: make([]Port, 70_000)},
		"what cannot be": {Limitations: []string{"\xff"}, Truncated: []string{"Docker.X", "Docker.X"}, InitPID: 1 << 30},
	} {
		c.Source, c.ID = "docker", hexID
		ev := m.Event(&c)
		if err := ev.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !ev.Attributes.Has("Container") {
			t.Errorf("%s: nothing left of the container", name)
		}
		if name != "bad value" && name != "names" && !ev.Attributes.Has("Truncated") {
			t.Errorf("%s: does not say that something was cut", name)
		}
	}
}

func labels(n int, value string) map[string]string {
	m := make(map[string]string, n)
	for i := range n {
		m[strconv.Itoa(i)] = value
	}
	return m
}

func TestFindPod(t *testing.T) {
	kubelet := map[string]string{
		"io.kubernetes.pod.uid": "u", "io.kubernetes.pod.name": "p", "io.kubernetes.pod.namespace": "n",
		"io.kubernetes.container.name": "c",
	}
	with := func(extra ...string) map[string]string {
		m := make(map[string]string)
		for k, v := range kubelet {
			m[k] = v
		}
		for i := 0; i < len(extra); i += 2 {
			m[extra[i]] = extra[i+1]
		}
		return m
	}
	for name, c := range map[string]struct {
		labels, annotations map[string]string
		want                *Pod
	}{
		"none":       {nil, nil, nil},
		"other":      {map[string]string{"io.kubernetes.pod.name": "p"}, nil, nil},
		"dockershim": {with("io.kubernetes.docker.type", "container", "io.kubernetes.sandbox.id", "s"), nil, &Pod{"u", "p", "n", "c", false, "s"}},
		"its sandbox": {
			with("io.kubernetes.container.name", "POD", "io.kubernetes.docker.type", "podsandbox"), nil,
			&Pod{"u", "p", "n", "", true, ""},
		},
		"containerd": {with("io.cri-containerd.kind", "container"), map[string]string{"io.kubernetes.cri.sandbox-id": "s"}, &Pod{"u", "p", "n", "c", false, "s"}},
		"containerd annotations": {nil, map[string]string{
			"io.kubernetes.cri.sandbox-uid": "u", "io.kubernetes.cri.sandbox-name": "p", "io.kubernetes.cri.sandbox-namespace": "n",
			"io.kubernetes.cri.container-name": "c", "io.kubernetes.cri.sandbox-id": "s", "io.kubernetes.cri.container-type": "container",
		}, &Pod{"u", "p", "n", "c", false, "s"}},
		"containerd sandbox": {nil, map[string]string{
			"io.kubernetes.cri.sandbox-uid": "u", "io.kubernetes.cri.sandbox-name": "p", "io.kubernetes.cri.sandbox-namespace": "n",
			"io.kubernetes.cri.container-type": "sandbox",
		}, &Pod{"u", "p", "n", "", true, ""}},
		"CRI-O": {nil, with("io.kubernetes.cri-o.ContainerType", "sandbox", "io.kubernetes.cri-o.SandboxID", "s"), &Pod{"u", "p", "n", "", true, "s"}},
	} {
		got := FindPod(c.labels, c.annotations)
		if (got == nil) != (c.want == nil) || got != nil && *got != *c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
	ev := testMapper(t).Event(&Container{Source: "docker", ID: hexID, Labels: kubelet})
	for path, want := range map[string]string{
		"K8s.PodUID": "u", "K8s.PodName": "p", "K8s.PodNamespace": "n", "K8s.ContainerName": "c", "K8s.Sandbox": "false",
	} {
		if got := text(ev, path); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
}

// TestNamespace uses this process as that of a container: it is in the
// namespace of the host, whatever that is.
func TestNamespace(t *testing.T) {
	if !netns.Supported() {
		t.Skip("no network namespaces here")
	}
	m := testMapper(t)
	pid := os.Getpid()
	ticks, err := startTicks("/proc/" + strconv.Itoa(pid))
	if err != nil {
		t.Fatal(err)
	}
	self, err := netns.Stat("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		c    Container
		want bool
	}{
		"running":           {Container{Status: StatusRunning, InitPID: pid}, true},
		"right start":       {Container{Status: StatusRunning, InitPID: pid, InitTicks: ticks}, true},
		"another start":     {Container{Status: StatusRunning, InitPID: pid, InitTicks: ticks + 1}, false},
		"started now":       {Container{Status: StatusRunning, InitPID: pid, Started: time.Now()}, true},
		"started long ago":  {Container{Status: StatusRunning, InitPID: pid, Started: time.Unix(1, 0)}, false},
		"no such process":   {Container{Status: StatusRunning, InitPID: 1 << 30}, false},
		"exited":            {Container{Status: StatusExited, InitPID: pid}, false},
		"by path":           {Container{Status: StatusRunning, InitPID: 1 << 30, NetNSPath: "/proc/self/ns/net"}, true},
		"only path":         {Container{Status: StatusPaused, NetNSPath: "/proc/self/ns/net"}, true},
		"path to something": {Container{Status: StatusRunning, NetNSPath: "/dev/null"}, false},
	} {
		c.c.ID = hexID
		ev := m.Event(&c.c)
		if got := len(ev.Relationships) == 1; got != c.want {
			t.Errorf("%s: part of something is %v, want %v", name, got, c.want)
			continue
		}
		if c.want && !ev.Relationships[0].Target.Equal(entity.HostRef("h1")) {
			t.Errorf("%s: part of %v, want the host", name, ev.Relationships[0].Target)
		}
		if got := ev.Attributes.Has("Limitations"); got != (name == "path to something") {
			t.Errorf("%s: Limitations %v", name, got)
		}
	}
	m.root.Inode++ // the host's own is another one
	ev := m.Event(&Container{ID: hexID, Status: StatusRunning, InitPID: pid})
	want := entity.NetNSRef("h1", strconv.FormatUint(self.Inode, 10), strconv.FormatUint(self.Dev, 10))
	if len(ev.Relationships) != 1 || !ev.Relationships[0].Target.Equal(want) {
		t.Errorf("part of %v, want %v", ev.Relationships, want)
	}
}

// TestReusedNumber: the control groups vouch for a process whose start does not
// fit, because the clock was set.
func TestReusedNumber(t *testing.T) {
	dir := t.TempDir()
	m := testMapper(t)
	m.cfg.ProcDir = dir
	for path, text := range map[string]string{
		"stat":     "cpu 1 2\nbtime 1700000000\n",
		"7/stat":   "7 (a) b) S" + strings.Repeat(" 0", 18) + " 500000 0 0\n",
		"7/cgroup": "0::/system.slice/docker-" + hexID + ".scope\n",
	} {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	at := func(sec int64, id string) bool {
		return m.belongs(&Container{ID: id, InitPID: 7, Started: time.Unix(sec, 0)}, dir+"/7", 500000)
	}
	for name, c := range map[string]struct {
		started int64
		id      string
		want    bool
	}{
		"fits":               {1700005000, "x", true},
		"a bit late":         {1700004995, "x", true},
		"much later":         {1700004000, "x", false},
		"later, but its own": {1700004000, hexID, true},
	} {
		if got := at(c.started, c.id); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if ticks, err := startTicks(dir + "/7"); err != nil || ticks != 500000 {
		t.Errorf("%d, %v", ticks, err)
	}
}

func TestNewMapper(t *testing.T) {
	if _, err := NewMapper(DefaultConfig()); err == nil {
		t.Error("no error without a host ID")
	}
	if _, err := NewMapper(Config{HostID: "h", ProcDir: "/proc", RootNetNS: "/nonexistent"}); err == nil {
		t.Error("no error for a namespace that does not exist")
	}
}
