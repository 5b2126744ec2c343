package runtimedir

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestParseRunc(t *testing.T) {
	got, err := ParseRunc(read(t, "runc-1.1.5.json"))
	if err != nil {
		t.Fatal(err)
	}
	want := &State{
		ID: "c1", Runtime: "runc", PID: got.PID, StartTime: got.StartTime, Created: got.Created,
		Bundle: "/srv/b", RootFS: "/srv/b/rootfs", Hostname: "runc", Annotations: map[string]string{"a.b/c": "d"},
		Freezer: "/sys/fs/cgroup/freezer/c1",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if got.PID < 2 || got.StartTime == 0 || got.Created.Year() != 2026 {
		t.Errorf("process %d of %d, created %v", got.PID, got.StartTime, got.Created)
	}
}

func TestParseRuncForms(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want State
	}{
		"version 2 of control groups": {
			`{"id":"a","init_process_pid":7,"cgroup_paths":{"":"/sys/fs/cgroup/x"}}`,
			State{ID: "a", Runtime: "runc", PID: 7, Freezer: "/sys/fs/cgroup/x"},
		},
		"labels": {
			`{"id":"a","config":{"labels":["x=y=z","bundle=/b","nothing","=v","e="]}}`,
			State{ID: "a", Runtime: "runc", Bundle: "/b", Annotations: map[string]string{"x": "y=z", "e": ""}},
		},
		"mounts": {
			`{"id":"a","config":{"mounts":[{"source":"/h","destination":"/etc/hosts/"},{"source":"rel","destination":"/etc/hosts"}]}}`,
			State{ID: "a", Runtime: "runc", HostsFile: "/h"},
		},
		"rootless": {
			`{"id":"a","rootless":true,"unknown":[1,{}]}`,
			State{ID: "a", Runtime: "runc", Rootless: true},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseRunc([]byte(c.text))
			if err != nil || !reflect.DeepEqual(*got, c.want) {
				t.Errorf("got %+v, %v\nwant %+v", got, err, c.want)
			}
		})
	}
}

func TestParseCrun(t *testing.T) {
	got, err := ParseCrun("c1", read(t, "crun-1.8.1.json"))
	if err != nil {
		t.Fatal(err)
	}
	want := &State{
		ID: "c1", Runtime: "crun", PID: 614, StartTime: 8201322, Created: time.Date(2026, 11, 23, 17, 55, 3, 88653000, time.UTC),
		Bundle: "/srv/b", RootFS: "/srv/b/rootfs", Freezer: "/c1", Owner: "root",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	got, err = ParseCrun("c1", []byte(`{"pid":1,"bundle":"/b","rootfs":"/r","owner":"joe","created":"yesterday"}`))
	if err != nil || got.RootFS != "/r" || !got.Rootless || got.Owner != "joe" || !got.Created.IsZero() {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestNoState(t *testing.T) {
	whole := read(t, "runc-1.1.5.json")
	for _, text := range []string{"", "{}", "[]", "null", `{"id":7}`, `{"id":"a","init_process_pid":-1}`, "\x00", string(whole[:len(whole)/2])} {
		if s, err := ParseRunc([]byte(text)); !errors.Is(err, ErrState) {
			t.Errorf("runc %q: %+v, %v", text, s, err)
		}
	}
	for _, text := range []string{"", "{}", "[]", "null", `{"pid":-1,"bundle":"/b"}`, `{"pid":"1","bundle":"/b"}`, `{"pid":1`} {
		if s, err := ParseCrun("c1", []byte(text)); !errors.Is(err, ErrState) {
			t.Errorf("crun %q: %+v, %v", text, s, err)
		}
	}
	if _, err := ParseCrun("", read(t, "crun-1.8.1.json")); !errors.Is(err, ErrState) {
		t.Errorf("without ID: %v", err)
	}
}

func TestParseConfig(t *testing.T) {
	s := State{Annotations: map[string]string{"a": "1"}, Hostname: "h"}
	err := s.ParseConfig([]byte(`{"hostname":"other","annotations":{"b":"2","":"3"},
		"mounts":[{"destination":"/proc","source":"proc"},{"destination":"/etc/hosts","source":"/x/hosts"}]}`))
	want := State{Annotations: map[string]string{"a": "1", "b": "2"}, Hostname: "h", HostsFile: "/x/hosts"}
	if err != nil || !reflect.DeepEqual(s, want) {
		t.Errorf("%+v, %v; want %+v", s, err, want)
	}
	if err := s.ParseConfig([]byte(`{"annotations":`)); err == nil {
		t.Error("half a configuration is one")
	}
}

func FuzzParseRunc(f *testing.F) {
	f.Add(read(f, "runc-1.1.5.json"))
	f.Add([]byte(`{"id":"a","config":{"labels":["x=y"],"mounts":[{"source":"/h","destination":"/etc/hosts"}]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseRunc(b)
		if err != nil {
			if !errors.Is(err, ErrState) || s != nil {
				t.Errorf("%+v, %v", s, err)
			}
			return
		}
		check(t, s, len(b))
	})
}

func FuzzParseCrun(f *testing.F) {
	f.Add(read(f, "crun-1.8.1.json"), []byte(`{"annotations":{"a":"b"},"mounts":[{"destination":"/etc/hosts","source":"/h"}]}`))
	f.Fuzz(func(t *testing.T, b, config []byte) {
		s, err := ParseCrun("c1", b)
		if err != nil {
			if !errors.Is(err, ErrState) || s != nil {
				t.Errorf("%+v, %v", s, err)
			}
			return
		}
		_ = s.ParseConfig(config)
		check(t, s, len(b)+len(config))
	})
}

// check tells whether a state that was parsed out of so many bytes can be used.
func check(t *testing.T, s *State, size int) {
	t.Helper()
	if s.ID == "" || s.PID < 0 || s.HostsFile != "" && !filepath.IsAbs(s.HostsFile) {
		t.Errorf("%+v", s)
	}
	total := 0
	for k, v := range s.Annotations {
		total += len(k) + len(v)
		if k == "" {
			t.Error("an annotation without a key")
		}
	}
	// A byte of JSON is a character of three bytes at most (one that is not
	// valid is replaced).
	if total > 3*size {
		t.Errorf("%d bytes of annotations out of %d", total, size)
	}
	c := describe(s, createConfig{})
	if c.ID != s.ID || len(c.Own) == 0 {
		t.Errorf("%+v", c)
	}
}

func TestDescribe(t *testing.T) {
	id := strings.Repeat("ab", 32)
	crio := map[string]string{
		crioPrefix + "ContainerType": "container", crioPrefix + "Name": "k8s_web_pod_ns_uid_0",
		crioPrefix + "ImageName": "reg/web:1", crioPrefix + "ImageRef": "sha", crioPrefix + "Labels": `{"app":"web"}`,
		crioPrefix + "IP.0": "10.1.0.4", crioPrefix + "SandboxID": "s", "io.kubernetes.pod.name": "pod",
	}
	broken := maps.Clone(crio)
	broken[crioPrefix+"Labels"] = "{"
	for name, c := range map[string]struct {
		annotations                 map[string]string
		created                     createConfig
		name, image, source, own    string
		label, value, ownKey, owned string
	}{
		"nothing known": {nil, createConfig{}, id[:12], "", "runc", "Runc", "", "", "Bundle", "/b"},
		"CRI-O":         {crio, createConfig{}, "k8s_web_pod_ns_uid_0", "reg/web:1", "crio", "Crio", "app", "web", "IP", `["10.1.0.4"]`},
		"CRI-O whose labels are broken": {
			broken, createConfig{}, "k8s_web_pod_ns_uid_0", "reg/web:1", "crio", "Crio", "io.kubernetes.pod.name", "pod", "SandboxID", "s",
		},
		"containerd's CRI service": {
			map[string]string{criPrefix + "container-type": "container", criPrefix + "container-name": "web", criPrefix + "image-name": "i"},
			createConfig{}, "web", "i", "runc", "Runc", criPrefix + "image-name", "i", "Bundle", "/b",
		},
		"its sandbox": {
			map[string]string{criPrefix + "container-type": "sandbox", criPrefix + "sandbox-name": "pod"},
			createConfig{}, "pod", "", "runc", "Runc", criPrefix + "sandbox-name", "pod", "Bundle", "/b",
		},
		"create-config": {
			map[string]string{"x": "y"}, createConfig{Name: "n", Image: "i", Labels: map[string]string{"l": "m"}},
			"n", "i", "runc", "Runc", "l", "m", "Bundle", "/b",
		},
		"annotations": {map[string]string{"x": "y"}, createConfig{}, id[:12], "", "runc", "Runc", "x", "y", "Bundle", "/b"},
	} {
		t.Run(name, func(t *testing.T) {
			got := describe(&State{ID: id, Runtime: "runc", Bundle: "/b", Annotations: c.annotations}, c.created)
			if got.Name != c.name || got.Image != c.image || got.Source != c.source || got.OwnKey != c.own {
				t.Errorf("name %q, image %q, source %q, own map %q", got.Name, got.Image, got.Source, got.OwnKey)
			}
			if c.label != "" && got.Labels[c.label] != c.value {
				t.Errorf("labels %v", got.Labels)
			}
			for key := range got.Labels {
				if strings.HasPrefix(key, crioPrefix) {
					t.Errorf("label %s", key)
				}
			}
			if text := got.Own.Get(c.ownKey).Text(); text != c.owned {
				t.Errorf("%s.%s is %q, want %q", got.OwnKey, c.ownKey, text, c.owned)
			}
		})
	}
}

// The names of what CRI-O and Podman wrote at different times.
func TestCreateConfig(t *testing.T) {
	for _, text := range []string{
		`{"Name":"n","Image":"i","ImageID":"d","Labels":{"a":"b"}}`,
		`{"name":"n","image":"i","imageID":"d","labels":{"a":"b"}}`,
	} {
		var c createConfig
		if err := json.Unmarshal([]byte(text), &c); err != nil || c.Name != "n" || c.Image != "i" || c.ImageID != "d" || c.Labels["a"] != "b" {
			t.Errorf("%s: %+v, %v", text, c, err)
		}
	}
}

func TestScope(t *testing.T) {
	for dir, want := range map[string]string{
		"/run/runc": "runc", "/run/crun": "run/crun", "/run/containerd/runc/k8s.io": "containerd/k8s.io",
		"/x/runc/default": "containerd/default", "/run/user/7/runc": "run/user/7/runc",
	} {
		if got := scope(dir); got != want {
			t.Errorf("%s: %q, want %q", dir, got, want)
		}
	}
}

func TestValidate(t *testing.T) {
	cfg := DefaultConfig()
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string]func(*Config){
		"no directories": func(c *Config) { c.Dirs = nil },
		"relative":       func(c *Config) { c.Dirs = []string{"run"} },
		"everything":     func(c *Config) { c.Dirs = []string{"/run/.."} },
		"pattern":        func(c *Config) { c.Dirs = []string{"/run/[a"} },
		"rescan":         func(c *Config) { c.Rescan = 0 },
		"containers":     func(c *Config) { c.MaxContainers = 0 },
		"control groups": func(c *Config) { c.CgroupDir = "" },
	} {
		cfg := DefaultConfig()
		edit(&cfg)
		if _, err := New(cfg, nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
