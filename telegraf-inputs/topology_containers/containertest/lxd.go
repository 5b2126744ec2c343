package containertest

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/skein-net/skein/internal/netns/netnstest"
	"github.com/skein-net/skein/internal/proctest"
)

// LXDDaemon is an LXD with a bridge and an image.
type LXDDaemon struct {
	// Dir is its scratch directory, Socket the path of its socket.
	Dir, Socket string
	// NetNS is the name of the namespace that is the host's own to it.
	NetNS   string
	t       testing.TB
	process *proctest.Process
}

// LXDImage is the alias of the image that it has.
const LXDImage = "bb"

// lxdPreseed is what it is set up with: nothing that another could want, too.
const lxdPreseed = `storage_pools: [{name: default, driver: dir}]
networks: [{name: lxdbr0, type: bridge, config: {ipv4.address: none, ipv6.address: none}}]
profiles:
- name: default
  config: {security.privileged: "true"}
  devices:
    root: {path: /, pool: default, type: disk}
    eth0: {name: eth0, network: lxdbr0, type: nic}
`

// ownSys runs a program inside a network namespace with the sysfs of that, and
// the control groups of before.
const ownSys = `mount --make-rprivate / && mount --rbind /sys/fs/cgroup "$0" && mount -t sysfs s /sys && mount --rbind "$0" /sys/fs/cgroup && exec "$@"`

// LXD starts an LXD inside the network namespace of that name, or a new one, and
// waits until it answers and has [LXDImage]. It skips the test where that cannot
// be.
func LXD(t testing.TB, netns string) *LXDDaemon {
	t.Helper()
	need(t, "lxd", "lxc", "unshare", "tar")
	netns = namespace(t, netns)
	dir := scratch(t)
	l := &LXDDaemon{Dir: dir, Socket: filepath.Join(dir, "lxd/unix.socket"), NetNS: netns, t: t}
	rootfs := Rootfs(t, dir+"/image")
	for _, d := range []string{dir + "/cgroup", dir + "/lxd", dir + "/home", dir + "/image/templates", rootfs + "/sbin"} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../bin/busybox", rootfs+"/sbin/init"); err != nil {
		t.Fatal(err)
	}
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(rootfs+"/etc/inittab", "::sysinit:/bin/true\n")
	write(dir+"/image/metadata.yaml", "architecture: x86_64\ncreation_date: 1700000000\nproperties: {os: busybox, description: test}\n")
	write(dir+"/preseed.yaml", lxdPreseed)
	l.Restart()
	tool(t, l.env(), "sh", "-c", `lxd init --preseed <"$0"`, dir+"/preseed.yaml")
	tool(t, nil, "tar", "-C", dir+"/image", "-czf", dir+"/image.tgz", "metadata.yaml", "rootfs", "templates")
	l.CLI("image", "import", dir+"/image.tgz", "--alias", LXDImage)
	return l
}

// NetNSPath is the file of the namespace that is the host's own to the daemon.
func (l *LXDDaemon) NetNSPath() string { return netnstest.Path(l.NetNS) }

// Restart starts LXD as it was left, and waits until it answers.
func (l *LXDDaemon) Restart() {
	l.t.Helper()
	l.process = proctest.Start(l.t, "nsenter", l.env(), inside(l.NetNS, "unshare", "-m", "sh", "-c", ownSys, l.Dir+"/cgroup",
		"lxd", "--group", "root")...)
	ready(l.t, l.process, "lxd", func() error {
		_, err := l.try("query", "/1.0")
		return err
	})
	l.t.Cleanup(l.removeAll)
}

// Kill kills LXD. Its containers go on.
func (l *LXDDaemon) Kill() {
	l.t.Helper()
	l.process.End(l.t, syscall.SIGKILL)
}

// CLI runs lxc, LXD's client, which must succeed, and returns what it prints.
func (l *LXDDaemon) CLI(args ...string) string {
	l.t.Helper()
	out, err := l.try(args...)
	if err != nil {
		l.t.Fatal(err)
	}
	return out
}

// Launch makes and starts a container. more are further flags of lxc launch.
func (l *LXDDaemon) Launch(name string, more ...string) {
	l.t.Helper()
	l.CLI(append([]string{"launch", LXDImage, name}, more...)...)
}

func (l *LXDDaemon) env() []string {
	return []string{"LXD_DIR=" + l.Dir + "/lxd", "LXD_CONF=" + l.Dir + "/home", "HOME=" + l.Dir + "/home"}
}

func (l *LXDDaemon) try(args ...string) (string, error) {
	return try(l.env(), append([]string{"lxc"}, args...)...)
}

// removeAll removes the containers and the bridge while there is somebody to
// ask, of all projects.
func (l *LXDDaemon) removeAll() {
	select {
	case <-l.process.Done:
		return
	default:
	}
	_, err := try(l.env(), "sh", "-c", `lxc list --all-projects -c en -f csv | while IFS=, read -r p n; do lxc delete -f --project "$p" "$n"; done
		lxc profile device remove default eth0 && lxc network delete lxdbr0`)
	if err != nil {
		l.t.Logf("clean up: %v", err)
	}
}
