package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/topologyd/client"
)

// reportInterval is the input's in these tests.
const reportInterval = 2 * time.Second

// program returns the path of a built program.
func program(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("SKEIN_BIN")
	if dir == "" {
		t.Skip("SKEIN_BIN does not name the directory of the built programs; run make test-e2e")
	}
	return filepath.Join(dir, name)
}

func needRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("making network namespaces needs root")
	}
}

// daemon is a running topologyd.
type daemon struct {
	*proctest.Process
	*client.Client
	addr, dir string
}

func startDaemon(t testing.TB, dir, addr string, args ...string) *daemon {
	t.Helper()
	if dir == "" {
		dir = t.TempDir()
	}
	if addr == "" {
		addr = proctest.FreeAddr(t)
	}
	args = append([]string{"--listen", addr, "--otlp-listen", proctest.FreeAddr(t), "--data-dir", dir}, args...)
	cfg := client.DefaultConfig()
	cfg.Server = "http://" + addr
	d := &daemon{Process: proctest.Start(t, program(t, "topologyd"), nil, args...), addr: addr, dir: dir}
	var err error
	d.Client, err = client.New(cfg)
	require.NoError(t, err)
	proctest.Eventually(t, 20*time.Second, "topologyd is ready", func() error { return d.Ready(context.Background()) })
	return d
}

// telegrafConf is the shipped configuration with the host of the test, another
// server and shorter intervals. Of the other topology inputs, which look for what
// runs on this machine, only those that more configures are there.
func telegrafConf(t testing.TB, url string, h *hostNS, more ...string) string {
	t.Helper()
	b, err := os.ReadFile("../../deploy/local/telegraf.conf")
	require.NoError(t, err)
	text := string(b)
	replace := func(old, with string) {
		require.Contains(t, text, old)
		text = strings.Replace(text, old, with, 1)
	}
	replace("[[inputs.topology_host]]\n", fmt.Sprintf(`[[inputs.topology_host]]
  host_id = %q
  host_name = %q
  root_netns = %q
  netns_dirs = [%q]
  process_namespaces = false
  report_interval = %q
`, h.name, h.name, h.root(), h.dir, reportInterval.String()))
	replace("http://${SKEIN_HTTP:-127.0.0.1:4280}", url)
	replace(`interval = "10s"`, `interval = "1s"`)
	for _, other := range []string{"ovs", "containers", "lldp"} {
		replace("[[inputs.topology_"+other+"]]\n", "")
	}
	replace("[[outputs.http]]\n", strings.Join(more, "")+"\n[[outputs.http]]\n")
	path := filepath.Join(t.TempDir(), "telegraf.conf")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func startTelegraf(t testing.TB, conf string) *proctest.Process {
	t.Helper()
	return proctest.Start(t, program(t, "telegraf"), nil, "--config", conf)
}

// replaceIn changes a text of a file.
func replaceIn(t testing.TB, path, old, with string) {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(b), old)
	require.NoError(t, os.WriteFile(path, []byte(strings.Replace(string(b), old, with, 1)), 0o600))
}
