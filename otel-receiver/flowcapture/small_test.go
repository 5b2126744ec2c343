package flowcapture

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/skein-net/skein/otel-receiver/source"
)

// TestIdentity: the rules are those of Telegraf's input topology_host.
func TestIdentity(t *testing.T) {
	const machine, dbus = "etc/machine-id", "var/lib/dbus/machine-id"
	for name, c := range map[string]struct {
		cfg   HostConfig
		files map[string]string
		want  HostConfig
	}{
		"machine-id":        {HostConfig{}, map[string]string{machine: "abc\n", dbus: "def\n"}, HostConfig{ID: "abc", Name: "box"}},
		"D-Bus":             {HostConfig{}, map[string]string{dbus: "def\n"}, HostConfig{ID: "def", Name: "box"}},
		"not booted":        {HostConfig{}, map[string]string{machine: "uninitialized\n"}, HostConfig{ID: "box", Name: "box"}},
		"garbage":           {HostConfig{}, map[string]string{machine: "a\x00b"}, HostConfig{ID: "box", Name: "box"}},
		"long":              {HostConfig{}, map[string]string{machine: string(bytes.Repeat([]byte("x"), 129))}, HostConfig{ID: "box", Name: "box"}},
		"empty":             {HostConfig{}, map[string]string{machine: "\n"}, HostConfig{ID: "box", Name: "box"}},
		"nothing":           {HostConfig{}, nil, HostConfig{ID: "box", Name: "box"}},
		"configured":        {HostConfig{ID: "i", Name: "n"}, map[string]string{machine: "abc\n"}, HostConfig{ID: "i", Name: "n"}},
		"name of another":   {HostConfig{Name: "n"}, map[string]string{machine: "abc\n"}, HostConfig{ID: "abc", Name: "n"}},
		"ID is configured":  {HostConfig{ID: "i"}, nil, HostConfig{ID: "i", Name: "box"}},
		"ID from that name": {HostConfig{Name: "n"}, nil, HostConfig{ID: "n", Name: "n"}},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			for path, text := range c.files {
				path = filepath.Join(root, path)
				require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
				require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
			}
			got, err := identity(c.cfg, root, func() (string, error) { return "box", nil })
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
	_, err := identity(HostConfig{}, t.TempDir(), func() (string, error) { return "", errors.New("no") })
	require.ErrorContains(t, err, "set host.name instead")
}

func TestMatching(t *testing.T) {
	present := []net.Interface{
		{Name: "veth2"}, {Name: "veth1"}, {Name: "lo", Flags: net.FlagLoopback}, {Name: "eth0"},
	}
	for pattern, want := range map[string][]string{
		"veth*": {"veth1", "veth2"}, "*": {"eth0", "veth1", "veth2"}, "l?": nil, "eth[0-9]": {"eth0"}, "[": nil,
	} {
		require.Equal(t, want, matching(pattern, present), pattern)
	}
}

func TestInterfacesByName(t *testing.T) {
	c := DefaultCapture()
	c.Interfaces = []string{"a", "b", "a"}
	names, err := interfaces(&c)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b"}, names, "names need not exist")
}

// TestSlog: what sources log is in the Collector's log.
func TestSlog(t *testing.T) {
	core, logs := observer.New(zapcore.InfoLevel)
	log := newSlog(zap.New(core)).With("capture", "c").WithGroup("g")
	log.Debug("no")
	log.Info("a", "n", 1)
	log.Warn("b")
	log.Error("c", slog.Any("err", errors.New("x")))
	var got []string
	for _, e := range logs.All() {
		got = append(got, e.Level.String()+" "+e.Message)
		require.Equal(t, "c", e.ContextMap()["capture"])
	}
	require.Equal(t, []string{"info a", "warn b", "error c"}, got)
	require.Equal(t, int64(1), logs.All()[0].ContextMap()["n"])
}

func TestSnapLen(t *testing.T) {
	c := DefaultCapture()
	require.Equal(t, 256, c.snapLen())
	c.Layers = []string{layerDNS}
	require.Equal(t, 1600, c.snapLen())
	c.SnapLen = 100
	require.Equal(t, 100, c.snapLen())
	file := DefaultCapture()
	file.Type = typePcapFile
	require.Equal(t, 0, file.snapLen())
}

// TestGone: totals of interfaces that are no more are bounded.
func TestGone(t *testing.T) {
	c := &capture{name: "c", status: newStatus(zap.NewNop()), taps: make(map[string]*tap), gone: make(map[string]totals)}
	for i := range 2 * maxGone {
		c.tap(string(rune('a' + i)))
	}
	c.forget(nil, nil)
	require.Empty(t, c.taps)
	require.Len(t, c.gone, maxGone)
}

// TestTooManyInterfaces: it is told, and the first ones run.
func TestTooManyInterfaces(t *testing.T) {
	f := &fake{open: func(string) (source.Source, error) {
		s := &scripted{}
		s.run = func(ctx context.Context, w []source.Worker) error {
			s.opened.Add(1)
			return ticking(ctx, w[0])
		}
		return s, nil
	}}
	f.names = func() ([]string, error) { return []string{"a"}, errors.New("too many") }
	host := new(statusHost)
	r := start(t, testConfig(typeAFPacket), f, consumertest.NewNop(), nil, host)
	eventually(t, "the error", time.Minute, func() bool { _, msg := host.last(); return msg == "capture c: too many" })
	eventually(t, "the first", time.Minute, func() bool { return tapTotals(r).running })
	stop(t, r)
	require.Zero(t, r.captures[0].failures.Load())
}
