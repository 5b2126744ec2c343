package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/influxdata/telegraf/plugins/outputs/http"
	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/certtest"
)

// TestHosts: what deploy has for hosts loads, its token is that of the file as it is
// now, and what was gathered waits while the credentials are not taken.
func TestHosts(t *testing.T) {
	dir := t.TempDir()
	write := func(token string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "token"), []byte(token), 0o600))
	}
	t.Setenv("SKEIN_CREDENTIALS", dir)
	certtest.NewCA(t, "site").Write(t, filepath.Join(dir, "ca.crt"))
	write("skein_first")
	cfg, err := load(options{configs: []string{"../../../deploy/hosts/telegraf.conf"}}, true)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"topology_host", "topology_ovs", "topology_containers", "topology_lldp"}, cfg.InputNames())
	require.Len(t, cfg.Outputs, 1)
	out, ok := cfg.Outputs[0].Output.(*http.HTTP)
	require.True(t, ok)
	require.False(t, slices.Contains(out.NonRetryableStatusCodes, 401) || slices.Contains(out.NonRetryableStatusCodes, 403))
	require.Contains(t, out.NonRetryableStatusCodes, 400)
	require.Equal(t, filepath.Join(dir, "ca.crt"), out.TLSCA)
	header := func() string {
		s, err := out.Headers["Authorization"].Get()
		require.NoError(t, err)
		defer s.Destroy()
		return s.String()
	}
	require.Equal(t, "Bearer skein_first", header())
	write("skein_next")
	require.Equal(t, "Bearer skein_next", header())
}
