package watch

import (
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/netns"
	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/database"
)

func TestConfig(t *testing.T) {
	for endpoint, want := range map[string]struct {
		socket, dir string
		local       bool
	}{
		"/run/ovs/db.sock":     {"/run/ovs/db.sock", "/run/ovs", true},
		"unix:/a/b":            {"/a/b", "/a", true},
		"tcp:127.0.0.1:6640":   {"", "", true},
		"tcp:[::1]:6640":       {"", "", true},
		"tcp:localhost:6640":   {"", "", true},
		"tcp:192.0.2.1:6640":   {"", "", false},
		"tcp:switch-1:6640":    {"", "", false},
		"tcp:[2001:db8::1]:66": {"", "", false},
	} {
		cfg := DefaultConfig()
		cfg.Endpoint = endpoint
		require.NoError(t, cfg.Validate(), endpoint)
		require.Equal(t, want.socket, cfg.socket(), endpoint)
		require.Equal(t, want.dir, cfg.runDir(), endpoint)
		require.Equal(t, want.local, cfg.Local(), endpoint)
	}
	cfg := DefaultConfig()
	cfg.RunDir = "/elsewhere"
	require.Equal(t, "/elsewhere", cfg.runDir())
	cfg.Settle = -1
	require.Error(t, cfg.Validate())
	for _, bad := range []string{"", "unix", "unix:", "unix:db.sock", "tcp:", "tcp:1", "tcp::6640", "ssl:127.0.0.1:6640", "http://x"} {
		cfg := DefaultConfig()
		cfg.Endpoint = bad
		require.Error(t, cfg.Validate(), bad)
	}
}

func own(t *testing.T) string {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("network namespaces are Linux's")
	}
	id, err := netns.Stat("/proc/self/ns/net")
	require.NoError(t, err)
	return strconv.FormatUint(id.Inode, 10)
}

// TestPlace finds the namespace by what listens on the socket, since the pid file
// names a process that is no ovs-vswitchd.
func TestPlace(t *testing.T) {
	inode := own(t)
	dir, err := os.MkdirTemp("", "ovs") //nolint:usetesting // the path of a socket is short
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "db.sock")
	cfg := DefaultConfig()
	cfg.Endpoint = "unix:" + socket
	p := newPlace(&cfg)
	require.False(t, p.find(), "nothing is there")
	require.Empty(t, p.localIP("127.0.0.1"))

	l, err := net.Listen("unix", socket) //nolint:noctx // it is there at once
	require.NoError(t, err)
	defer l.Close()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "ovs-vswitchd.pid"), []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600))
	require.True(t, p.find())
	require.Equal(t, inode, p.inode)
	require.False(t, p.find(), "nothing changed")

	require.Equal(t, "127.0.0.1", p.localIP("127.0.0.1"))
	require.Empty(t, p.localIP("flow"))
	require.NoError(t, l.Close())
	require.True(t, p.find(), "nobody listens any more")
	require.Empty(t, p.inode)

	cfg.NetNS = "/proc/self/ns/net"
	require.True(t, p.find())
	require.Equal(t, inode, p.inode)
}

func TestRoutesAge(t *testing.T) {
	own(t)
	cfg := DefaultConfig()
	cfg.NetNS = "/proc/self/ns/net"
	p := newPlace(&cfg)
	now := time.Unix(1000, 0)
	p.now = func() time.Time { return now }
	p.find()
	require.Equal(t, "127.0.0.1", p.localIP("127.0.0.1"))
	p.routes["127.0.0.1"] = route{"10.0.0.1", now.Add(routeAge)} // as it was before
	require.Equal(t, "10.0.0.1", p.localIP("127.0.0.1"), "what is new enough is not asked again")
	used := map[string]bool{"127.0.0.1": true}
	require.False(t, p.refresh(used))
	now = now.Add(2 * routeAge)
	require.True(t, p.refresh(used), "the route changed")
	require.Equal(t, "127.0.0.1", p.localIP("127.0.0.1"))
	now = now.Add(2 * routeAge)
	require.False(t, p.refresh(used), "and stays")
	require.Len(t, p.routes, 1)
	require.False(t, p.refresh(nil))
	require.Empty(t, p.routes, "nothing leads there any more")
}

func TestReadPID(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pid")
	for text, want := range map[string]int{"12\n": 12, "7": 7, "": 0, "-1": 0, "0": 0, "x": 0, "1 2": 0} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		got, err := readPID(path)
		require.Equal(t, want == 0, err != nil, text)
		if want != 0 {
			require.Equal(t, want, got)
		}
	}
	_, err := readPID(path + ".none")
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestSettled(t *testing.T) {
	for name, c := range map[string]struct {
		i    database.Interface
		want bool
	}{
		"index":      {database.Interface{Type: "internal", IfIndex: new(7)}, true},
		"moved away": {database.Interface{Type: "internal", IfIndex: new(0)}, true},
		"not yet":    {database.Interface{Type: "internal"}, false},
		"system":     {database.Interface{}, false},
		"broken":     {database.Interface{Error: new("no such device")}, true},
		"no device":  {database.Interface{Type: "vxlan"}, true},
	} {
		tables := database.NewTables()
		c.i.UUID = "u"
		tables.Put(&c.i)
		require.Equal(t, c.want, settled(tables), name)
	}
}

func TestBridgesChanged(t *testing.T) {
	b, p := &database.Bridge{UUID: "b"}, &database.Port{UUID: "p"}
	require.True(t, bridgesChanged([]database.Change{{New: p}, {New: b}}))
	require.True(t, bridgesChanged([]database.Change{{Old: b}}))
	require.False(t, bridgesChanged([]database.Change{{Old: b, New: b}, {New: p}}))
	require.True(t, daemonChanged([]database.Change{{New: &database.OpenVSwitch{}}}))
	require.False(t, daemonChanged([]database.Change{{Old: b, New: b}}))
}
