package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/plugins/inputs"
	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/entity/lineproto"
	"github.com/skein-net/skein/telegraf-inputs/internal/report"
)

// TestMain lets this test binary be the plugin itself: the shim has the
// standard streams of its process and cannot be given others.
func TestMain(m *testing.M) {
	if os.Getenv("BE_THE_PLUGIN") != "" {
		inputs.Add("test_topology", func() telegraf.Input { return &reporting{} })
		os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// reporting is an input with more entities than may be on the way at a time.
type reporting struct {
	Entities int             `toml:"entities"`
	Log      telegraf.Logger `toml:"-"`
	r        *report.Reporter
}

func (*reporting) SampleConfig() string              { return "[[inputs.test_topology]]\n" }
func (*reporting) Gather(telegraf.Accumulator) error { return nil }
func (p *reporting) Stop()                           { p.r.Stop() }
func (p *reporting) Start(acc telegraf.Accumulator) (err error) {
	cfg := report.DefaultConfig()
	cfg.Source, cfg.MaxUndelivered = "test", 100
	if p.r, err = report.New(cfg, acc, p.Log); err != nil {
		return err
	}
	p.r.Start(context.Background())
	for i := range p.Entities {
		p.r.Set(entity.Event{Ref: entity.InterfaceRef("host", "1", fmt.Sprint(i)), Attributes: entity.Attrs{entity.A("Name", entity.String("eth0"))}})
	}
	return nil
}

func TestCommandLine(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.conf")
	require.NoError(t, os.WriteFile(empty, []byte("# nothing\n"), 0o600))
	unknown := filepath.Join(t.TempDir(), "unknown.conf")
	require.NoError(t, os.WriteFile(unknown, []byte("[[inputs.nosuch]]\n"), 0o600))
	for _, tc := range []struct {
		name           string
		args           []string
		code           int
		stdout, stderr string
	}{
		{"version", []string{"-version"}, 0, "telegraf-topology ", ""},
		{"help", []string{"-help"}, 0, "", "-config"},
		{"no configuration", nil, 2, "", "no -config given"},
		{"unknown flag", []string{"-nosuch"}, 2, "", "-nosuch"},
		{"missing file", []string{"-config", "/nonexistent"}, 1, "", "/nonexistent"},
		{"no input", []string{"-config", empty}, 1, "", "has no [[inputs.…]] table"},
		{"unknown input", []string{"-config", unknown}, 1, "", "unknown input nosuch"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			require.Equal(t, tc.code, run(tc.args, &out, &errs))
			require.Contains(t, out.String(), tc.stdout)
			require.Contains(t, errs.String(), tc.stderr)
		})
	}
}

// TestPlugin talks to the plugin as inputs.execd does.
func TestPlugin(t *testing.T) {
	const entities = 2500
	conf := filepath.Join(t.TempDir(), "plugin.conf")
	require.NoError(t, os.WriteFile(conf, fmt.Appendf(nil, "[[inputs.test_topology]]\n entities = %d\n", entities), 0o600))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-config", conf)
	cmd.Env = append(os.Environ(), "BE_THE_PLUGIN=1")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())

	seen := map[entity.UUID]bool{}
	var dec lineproto.Decoder
	lines := bufio.NewScanner(stdout)
	for len(seen) < entities && lines.Scan() {
		rec, err := dec.Decode(lines.Bytes())
		require.NoError(t, err)
		require.Equal(t, lineproto.IsEvent, rec.Kind)
		seen[rec.Event.UUID()] = true
	}
	require.NoError(t, lines.Err())
	require.Len(t, seen, entities)

	require.NoError(t, stdin.Close())
	rest, err := io.ReadAll(stdout)
	require.NoError(t, err)
	require.False(t, strings.Contains(string(rest), "entity_delete"), "a stop is no end of entities")
	require.NoError(t, cmd.Wait())
}
