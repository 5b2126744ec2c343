package lxd

import (
	"errors"
	"testing"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/telegraf-inputs/internal/feedtest"
	"github.com/skein-net/skein/telegraf-inputs/topology_containers/container"
)

func mapper(t testing.TB) *container.Mapper {
	t.Helper()
	m, err := container.NewMapper(container.Config{HostID: "h1", ProcDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestRecorded(t *testing.T) {
	all, err := parseInstances(read(t, "instances-5.0.2.json"))
	if err != nil || len(all) != 1 {
		t.Fatalf("%d instances, %v", len(all), err)
	}
	c := describe(&all[0])
	if c.Name != "x1" || c.InitPID < 2 || c.Status != container.StatusRunning || c.Image != "bb" || len(c.ImageID) != 64 ||
		c.Identity != all[0].Config["volatile.uuid"] || c.Created.Year() != 2026 {
		t.Errorf("%+v", c)
	}
	if len(c.Networks) != 1 || c.Networks[0].Name != "lxdbr0" || c.Networks[0].ID != "eth0" || len(c.Networks[0].IPv6) != 1 ||
		c.Networks[0].IPv6[0].Bits() != 64 || c.Networks[0].MAC == "" {
		t.Errorf("networks %+v", c.Networks)
	}
	for path, want := range map[string]string{
		"Architecture": "x86_64", "Ephemeral": "false", "Stateful": "false", "Status": "Running", "Project": "default",
		"Type": "container", "Config.image.os": "busybox", "Devices.root.pool": "default", "Location": "", "Config.volatile.idmap.base": "",
		"Interfaces.eth0": all[0].State.Network["eth0"].HostName, "CreatedAt": all[0].CreatedAt.Format("2006-01-02T15:04:05Z"),
	} {
		got := ""
		c.Own.Lookup(path, func(v entity.Value) bool { got = v.Text(); return false })
		if got != want {
			t.Errorf("LXD.%s is %q, want %q", path, got, want)
		}
	}
}

func TestDescribe(t *testing.T) {
	for name, c := range map[string]struct {
		in       Instance
		status   string
		ref      entity.Ref
		runtime  string
		pid      int
		networks int
	}{
		"stopped": {
			Instance{Name: "a", Project: "p", Status: "Stopped", State: &State{Status: "Stopped", PID: -1}},
			container.StatusExited, entity.ContainerRef("h1/lxd/p/a"), "lxc", 0, 0,
		},
		"virtual machine": {
			Instance{
				Name: "v", Project: "p", Type: container.KindVirtualMachine, Config: map[string]string{"volatile.uuid": "u"}, Status: "Running",
				State: &State{Status: "Ready", PID: 7, Network: map[string]Interface{"enp5s0": {MAC: "00:16:3e:00:00:01"}, "lo": {Type: "loopback"}}},
			},
			container.StatusRunning, entity.ContainerRef("u"), "qemu", 7, 1,
		},
		"frozen":   {Instance{Name: "a", Project: "p", State: &State{Status: "Frozen", PID: 7}}, container.StatusPaused, entity.ContainerRef("h1/lxd/p/a"), "lxc", 7, 0},
		"error":    {Instance{Name: "a", Project: "p", Status: "Error"}, container.StatusDead, entity.ContainerRef("h1/lxd/p/a"), "lxc", 0, 0},
		"starting": {Instance{Name: "a", Project: "p", Status: "Starting"}, container.StatusCreated, entity.ContainerRef("h1/lxd/p/a"), "lxc", 0, 0},
		"new word": {Instance{Name: "a", Project: "p", Status: "Dreaming"}, container.StatusExited, entity.ContainerRef("h1/lxd/p/a"), "lxc", 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got := describe(&c.in)
			if got.Status != c.status || got.Runtime != c.runtime || got.InitPID != c.pid || len(got.Networks) != c.networks {
				t.Errorf("%+v", got)
			}
			ev := mapper(t).Event(got)
			if kind := feedtest.Text(&ev, "Container.Kind"); (kind == "virtual-machine") != (c.runtime == "qemu") {
				t.Errorf("it is of kind %q", kind)
			}
			if ref := mapper(t).RefOf(got); !ref.Equal(c.ref) {
				t.Errorf("it is %v, want %v", ref, c.ref)
			}
		})
	}
}

func TestSecret(t *testing.T) {
	for key, want := range map[string]bool{
		"user.user-data": true, "user.vendor-data": true, "cloud-init.user-data": true, "environment.HOME": true, "raw.lxc": true,
		"user.db_password": true, "user.API_TOKEN": true, "user.ssl.key": true, "user.sshkeys": true,
		"user.color": false, "limits.cpu": false, "image.os": false, "security.privileged": false, "volatile.eth0.hwaddr": false,
		"user.monkey": false, "boot.autostart": false,
	} {
		if got := Secret(key); got != want {
			t.Errorf("%s: %v", key, got)
		}
	}
}

func TestParseEvent(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want event
		ok   bool
	}{
		"started": {
			`{"type":"lifecycle","project":"default","location":"none","metadata":{"action":"instance-started","source":"/1.0/instances/x1"}}`,
			event{action: "instance-started", key: key{"default", "x1"}, location: "none"}, true,
		},
		"of a project": {
			`{"type":"lifecycle","project":"p","metadata":{"action":"instance-started","source":"/1.0/instances/x1?project=p"}}`,
			event{action: "instance-started", key: key{"p", "x1"}}, true,
		},
		"of a project, before it was in the event": {
			`{"type":"lifecycle","metadata":{"action":"container-started","source":"/1.0/containers/x1?project=p"}}`,
			event{action: "container-started", key: key{"p", "x1"}}, true,
		},
		"renamed": {
			`{"type":"lifecycle","project":"default","metadata":{"action":"instance-renamed","source":"/1.0/instances/b","context":{"old_name":"a"}}}`,
			event{action: "instance-renamed", key: key{"default", "b"}, old: key{"default", "a"}}, true,
		},
		"a snapshot":  {`{"type":"lifecycle","metadata":{"action":"instance-snapshot-created","source":"/1.0/instances/a/snapshots/s"}}`, event{}, false},
		"a network":   {`{"type":"lifecycle","metadata":{"action":"network-created","source":"/1.0/networks/n"}}`, event{}, false},
		"a log line":  {`{"type":"logging","metadata":{"message":"x"}}`, event{}, false},
		"of no name":  {`{"type":"lifecycle","metadata":{"action":"instance-started","source":"/1.0/instances/"}}`, event{}, false},
		"of no thing": {`{"type":"lifecycle","metadata":{"action":"instance-started"}}`, event{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok, err := parseEvent([]byte(c.text))
			if err != nil || ok != c.ok || got != c.want {
				t.Errorf("%+v, %v, %v; want %+v, %v", got, ok, err, c.want, c.ok)
			}
		})
	}
	for _, text := range []string{"", "[]", `{"type":"lifecycle","metadata":{"action":"instance-x","source":"%zz"}}`} {
		if _, _, err := parseEvent([]byte(text)); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}

func TestParseResponse(t *testing.T) {
	if _, err := parseResponse([]byte(`{"type":"error","error":"no such","error_code":404}`)); !errors.Is(err, ErrNotFound) {
		t.Errorf("not found: %v", err)
	}
	for _, text := range []string{``, `{}`, `{"type":"error","error":"no","error_code":403}`, `{"type":"async","metadata":{}}`, `{"type":"sync"}`} {
		if _, err := parseResponse([]byte(text)); err == nil || errors.Is(err, ErrNotFound) {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, text := range []string{`[{}]`, `{}`, `[{"name":7}]`} {
		if _, err := parseInstances([]byte(`{"type":"sync","metadata":` + text + `}`)); err == nil {
			t.Errorf("%s are instances", text)
		}
	}
}

func FuzzParseInstances(f *testing.F) {
	f.Add(read(f, "instances-5.0.2.json"))
	f.Add([]byte(`{"type":"sync","metadata":[{"name":"a","devices":{"eth0":{"a":"b"}},"state":{"network":{"eth0":{"addresses":[{"address":"::1%x","netmask":"-1"}]}}}}]}`))
	m := mapper(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		all, err := parseInstances(b)
		if err != nil {
			return
		}
		for i := range all {
			c := describe(&all[i])
			if c.ID == "" {
				t.Error("no ID")
			}
			ev := m.Event(c)
			if ev.Source == "" {
				ev.Source = "lxd"
			}
			if err := ev.Validate(); err != nil {
				t.Errorf("%v: %+v", err, ev)
			}
		}
	})
}

func FuzzParseEvent(f *testing.F) {
	f.Add([]byte(`{"type":"lifecycle","project":"p","metadata":{"action":"instance-renamed","source":"/1.0/instances/b?project=p","context":{"old_name":"a"}}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		ev, ok, err := parseEvent(b)
		if ok && (err != nil || ev.key.name == "" || ev.key.project == "") {
			t.Errorf("%+v, %v", ev, err)
		}
	})
}
