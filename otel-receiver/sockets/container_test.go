package sockets

import (
	"strings"
	"testing"
)

func TestContainerOf(t *testing.T) {
	id := strings.Repeat("0123456789abcdef", 4)
	other := strings.Repeat("fedcba9876543210", 4)
	for path, want := range map[string]string{
		"/":                                     "",
		"":                                      "",
		"/system.slice/sshd.service":            "",
		"/user.slice/user-1000.slice/session-3": "",
		"/docker/" + id:                         id,
		"/system.slice/docker-" + id + ".scope": id,
		"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/cri-containerd-" + id + ".scope": id,
		"/kubepods/besteffort/pod7d0b5d5a-0d5c-4b3b-9a1e-1c2d3e4f5a6b/" + id:                                     id,
		"/kubepods.slice/kubepods-pod1.slice/crio-" + id + ".scope":                                              id,
		"/kubepods.slice/kubepods-pod1.slice/crio-" + id + ".scope/container":                                    id,
		"/kubepods.slice/kubepods-pod1.slice/crio-conmon-" + id + ".scope":                                       "",
		"/machine.slice/libpod-" + id + ".scope":                                                                 id,
		"/machine.slice/libpod-conmon-" + id + ".scope":                                                          "",
		"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + id + ".scope/container":             id,
		"/system.slice/containerd.service/kubepods-burstable-pod1.slice:cri-containerd:" + id:                    id,
		"/docker/" + other + "/kubepods/besteffort/pod1/" + id:                                                   id,
		"/docker/" + id[:63]:       "",
		"/docker/" + id[:63] + "g": "",
		"/x" + id:                  "",
		"/ecs/" + id[:32] + "/" + id[:32] + "-1234567890": id[:32] + "-1234567890",
		"/ecs/" + id[:32] + "/" + id:                      id,
		"/lxc/web":                                        "web",
		"/lxc/web/system.slice/nginx.service":             "web",
		"/lxc.payload.web/init.scope":                     "web",
		"/lxc.payload/web":                                "web",
		"/lxc.monitor.web":                                "",
		"/machine.slice/systemd-nspawn@deb.service":       "deb",
		"/machine.slice/machine-deb.scope":                "deb",
	} {
		if got := containerOf(path); got != want {
			t.Errorf("%s: %q, not %q", path, got, want)
		}
	}
}

func TestParseCgroups(t *testing.T) {
	id := strings.Repeat("0123456789abcdef", 4)
	for _, c := range []struct{ text, path, id string }{
		{"0::/system.slice/docker-" + id + ".scope\n", "/system.slice/docker-" + id + ".scope", id},
		{"12:cpu,cpuacct:/docker/" + id + "\n1:name=systemd:/docker/" + id + "\n0::/\n", "/", id},
		{"0::/lxc/web\n3:cpu:/docker/" + id + "\n", "/lxc/web", "web"},
		{"4:memory:/a:b\n", "", ""},
		{"", "", ""},
		{"nonsense\n0\n0:\n0::x\n", "", ""},
	} {
		if path, id := parseCgroups([]byte(c.text)); path != c.path || id != c.id {
			t.Errorf("%q: %q, %q", c.text, path, id)
		}
	}
}

func FuzzParseCgroups(f *testing.F) {
	f.Add("0::/system.slice/docker-0123456789abcdef.scope\n1:cpu:/lxc/web\n")
	f.Fuzz(func(t *testing.T, text string) {
		path, id := parseCgroups([]byte(text))
		if path != "" && path[0] != '/' || !strings.Contains(text, id) || strings.Contains(id, "/") {
			t.Errorf("%q, %q", path, id)
		}
	})
}
