package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/influxdata/telegraf/plugins/inputs"
	"github.com/influxdata/telegraf/plugins/outputs"
	"github.com/influxdata/telegraf/plugins/parsers"
	"github.com/influxdata/telegraf/plugins/serializers"
	"github.com/stretchr/testify/require"
)

func TestCommandLine(t *testing.T) {
	for _, tc := range []struct {
		name           string
		args           []string
		code           int
		stdout, stderr string
	}{
		{"version", []string{"--version"}, 0, "topology inputs of Skein", ""},
		{"help", []string{"--help"}, 0, "", "SIGHUP loads the configuration again"},
		{"usage of an output", []string{"--usage", "http"}, 0, "[[outputs.http]]", ""},
		{"usage of input and output", []string{"--usage", "internal"}, 0, "[[inputs.internal]]", ""},
		{"usage of nothing", []string{"--usage", "nosuch"}, 1, "", `no plugin "nosuch"`},
		{"unknown flag", []string{"--nosuch"}, 2, "", "-nosuch"},
		{"stray argument", []string{"nosuch"}, 2, "", `unknown argument "nosuch"`},
		{"no file", []string{"--config", "/nonexistent/x.conf"}, 1, "", "/nonexistent/x.conf"},
		{"no directory", []string{"--config-directory", "/nonexistent"}, 1, "", "/nonexistent"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			require.Equal(t, tc.code, run(t.Context(), tc.args, &out, &errs))
			require.Contains(t, out.String(), tc.stdout)
			require.Contains(t, errs.String(), tc.stderr)
		})
	}
}

func TestConfigurationThatCannotRun(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"no input":         {"[[outputs.discard]]\n", "no input"},
		"no output":        {"[[inputs.internal]]\n", "no output"},
		"unknown plugin":   {"[[inputs.nosuch]]\n", "nosuch"},
		"unknown option":   {"[[inputs.internal]]\n nosuch = 1\n[[outputs.discard]]\n", "nosuch"},
		"interval of zero": {"[agent]\n interval = \"0s\"\n[[inputs.internal]]\n[[outputs.discard]]\n", "interval must be positive"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			require.Equal(t, 1, run(t.Context(), []string{"--config", write(t, "x.conf", tc.text)}, &out, &errs))
			require.Contains(t, errs.String(), tc.want)
		})
	}
}

func TestPluginsThatConfigurationsRelyOn(t *testing.T) {
	for _, name := range []string{"execd", "internal"} {
		require.Contains(t, inputs.Inputs, name)
	}
	for _, name := range []string{"http", "influxdb_v2", "file", "prometheus_client", "opentelemetry", "discard", "nats"} {
		require.Contains(t, outputs.Outputs, name)
	}
	for _, name := range []string{"influx", "json"} {
		require.Contains(t, parsers.Parsers, name)
	}
	for _, name := range []string{"influx", "json", "prometheus"} {
		require.Contains(t, serializers.Serializers, name)
	}
}

func TestOnceWritesToTheOutputs(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	conf := write(t, "once.conf", agentConf("first", out))
	require.Zero(t, run(t.Context(), []string{"--once", "--config", conf}, &bytes.Buffer{}, os.Stderr))
	require.Contains(t, read(t, out), "internal_agent,")
}

// TestReloadAndStop runs an agent, changes its configuration with SIGHUP,
// breaks the file, and stops it.
func TestReloadAndStop(t *testing.T) {
	dir := t.TempDir()
	conf := filepath.Join(dir, "telegraf.conf")
	first, second := filepath.Join(dir, "first"), filepath.Join(dir, "second")
	require.NoError(t, os.WriteFile(conf, []byte(agentConf("first", first)), 0o600))

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	code := make(chan int, 1)
	go func() { code <- run(ctx, []string{"--config", conf}, &bytes.Buffer{}, os.Stderr) }()
	eventually(t, "metrics of the first configuration", func() bool { return strings.Contains(read(t, first), "conf=first") })

	require.NoError(t, os.WriteFile(conf, []byte(agentConf("second", second)), 0o600))
	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGHUP))
	eventually(t, "metrics of the second configuration", func() bool { return strings.Contains(read(t, second), "conf=second") })

	require.NoError(t, os.WriteFile(conf, []byte("[[inputs.nosuch]]\n"), 0o600))
	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGHUP))
	require.NoError(t, os.Truncate(second, 0))
	eventually(t, "more metrics after a broken configuration", func() bool { return strings.Contains(read(t, second), "conf=second") })

	cancel()
	select {
	case c := <-code:
		require.Zero(t, c)
	case <-time.After(30 * time.Second):
		t.Fatal("the agent does not stop")
	}
}

func agentConf(tag, out string) string {
	return fmt.Sprintf(`
[global_tags]
  conf = %q
[agent]
  interval = "100ms"
  flush_interval = "100ms"
  omit_hostname = true
  skip_processors_after_aggregators = true
[[inputs.internal]]
  collect_memstats = false
[[outputs.file]]
  files = [%q]
  data_format = "influx"
`, tag, out)
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// read returns the content of a file, "" when it is not there yet.
func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if !os.IsNotExist(err) {
		require.NoError(t, err)
	}
	return string(b)
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no %s after 30 s", what)
		}
	}
}
