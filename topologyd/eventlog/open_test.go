package eventlog

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

// TestDirectoryHeldByAnotherProcess starts this test again as the other one.
func TestDirectoryHeldByAnotherProcess(t *testing.T) {
	if dir := os.Getenv("SKEIN_TEST_HOLD"); dir != "" {
		open(t, DefaultConfig(dir))
		fmt.Println("held")
		_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
		return
	}
	exe, err := os.Executable()
	require.NoError(t, err)
	dir := t.TempDir()
	other := exec.Command(exe, "-test.run", "^"+t.Name()+"$")
	other.Env = append(os.Environ(), "SKEIN_TEST_HOLD="+dir)
	in, err := other.StdinPipe()
	require.NoError(t, err)
	out, err := other.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, other.Start())
	lines := bufio.NewScanner(out)
	for lines.Scan() && !strings.Contains(lines.Text(), "held") {
	}
	_, err = Open(context.Background(), DefaultConfig(dir), testLogger(t))
	require.ErrorContains(t, err, "is held by process "+strconv.Itoa(other.Process.Pid))

	require.NoError(t, other.Process.Kill()) // the lock ends with the process
	require.NoError(t, in.Close())
	require.Error(t, other.Wait())
	open(t, DefaultConfig(dir))
}

func TestNewerLayoutIsRefused(t *testing.T) {
	dir := t.TempDir()
	l := open(t, DefaultConfig(dir))
	c := l.streamConfig(map[string]string{metaID: l.ID(), metaLayout: "2"})
	_, err := l.js.UpdateStream(context.Background(), c)
	require.NoError(t, err)
	require.NoError(t, l.Close())
	_, err = Open(context.Background(), DefaultConfig(dir), testLogger(t))
	require.ErrorContains(t, err, "it has layout 2, this daemon knows up to 1; use a newer daemon")
}

// TestStreamOfBefore opens a stream as daemons made it before it had an ID.
func TestStreamOfBefore(t *testing.T) {
	dir := t.TempDir()
	l := open(t, DefaultConfig(dir))
	_, err := l.Append(context.Background(), []byte("old"))
	require.NoError(t, err)
	_, err = l.js.UpdateStream(context.Background(), jetstream.StreamConfig{
		Name: "SKEIN_EVENTS", Subjects: []string{"skein.events"}, MaxAge: l.cfg.MaxAge, MaxBytes: l.cfg.MaxBytes,
	})
	require.NoError(t, err)
	require.NoError(t, l.Close())
	l = open(t, DefaultConfig(dir))
	id := l.ID()
	require.NotEmpty(t, id)
	require.Equal(t, []string{"old"}, records(t, l, 0))
	require.NoError(t, l.Close())
	require.Equal(t, id, open(t, DefaultConfig(dir)).ID())
}

func TestDirectoryCannotBeMade(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := Open(context.Background(), DefaultConfig(filepath.Join(file, "data")), testLogger(t))
	require.ErrorContains(t, err, "--data-dir")
}

func TestConfigIsChecked(t *testing.T) {
	cluster := func() Config {
		c := DefaultConfig("x")
		c.Cluster = Cluster{Name: "c", NodeName: "a", Listen: "127.0.0.1:1", Peers: []string{"127.0.0.1:2", "127.0.0.1:3"}}
		return c
	}
	good := cluster()
	require.NoError(t, good.check())
	require.Equal(t, 3, good.replicas())
	for want, change := range map[string]func(*Config){
		"no data directory":  func(c *Config) { c.Dir = "" },
		"not both":           func(c *Config) { c.External.URLs = []string{"nats://h"} },
		"must be 1, 3 or 5":  func(c *Config) { c.Replicas = 2 },
		"as many daemons":    func(c *Config) { c.Replicas = 5 },
		"need names":         func(c *Config) { c.Cluster.NodeName = "a b" },
		"at least one peer":  func(c *Config) { c.Cluster.Peers = nil },
		"want host:port":     func(c *Config) { c.Cluster.Listen = "here" },
		"need a cluster":     func(c *Config) { c.Cluster.Name, c.Replicas = "", 3 },
		"must be at least 1": func(c *Config) { c.InFlight = 0 },
	} {
		c := cluster()
		change(&c)
		require.ErrorContains(t, c.check(), want)
	}
	two := cluster()
	two.Cluster.Peers = two.Cluster.Peers[:1]
	require.Equal(t, 1, two.replicas())
}
