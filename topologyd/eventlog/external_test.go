package eventlog

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"
)

// outside starts a NATS server that is not ours.
func outside(t *testing.T, dir, addr string) *server.Server {
	t.Helper()
	opts := &server.Options{ServerName: "outside", JetStream: true, StoreDir: dir, NoSigs: true, Host: "127.0.0.1", Port: server.RANDOM_PORT, MaxPayload: maxMessage}
	if addr != "" {
		_, err := fmt.Sscanf(addr, "nats://127.0.0.1:%d", &opts.Port)
		require.NoError(t, err)
	}
	s, err := server.NewServer(opts)
	require.NoError(t, err)
	s.Start()
	require.True(t, s.ReadyForConnections(10*time.Second))
	return s
}

func stopOutside(s *server.Server) { s.Shutdown(); s.WaitForShutdown() }

// TestExternalNATS uses a server of others: it may be away at the start and for
// a while, and two installations share it.
func TestExternalNATS(t *testing.T) {
	dir := t.TempDir()
	s := outside(t, dir, "")
	url := s.ClientURL()
	stopOutside(s)

	cfg := DefaultConfig(t.TempDir())
	cfg.External = External{URLs: []string{url}}
	cfg.MaxBytes, cfg.Timeout = 64<<20, 2*time.Second
	l := openWith(t, cfg)
	_, err := l.Append(context.Background(), []byte("early"))
	require.ErrorIs(t, err, ErrTimeout)
	require.ErrorContains(t, err, "not connected to NATS")
	_, err = l.Bucket(context.Background(), "x")
	require.ErrorContains(t, err, "not connected to NATS")

	s = outside(t, dir, url)
	f := follow(t, l, 0)
	require.EqualValues(t, 1, publishUntilStored(t, l, []byte("one")))

	stopOutside(s)
	s = outside(t, dir, url)
	defer func() { stopOutside(s) }()
	n := publishUntilStored(t, l, []byte("two"))
	all := f.until(t, 2)
	require.Equal(t, "one", string(all[0].Data))
	require.Equal(t, n, all[len(all)-1].Number)

	other := DefaultConfig(t.TempDir())
	other.External = External{URLs: []string{url}, Prefix: "LAB"}
	other.MaxBytes = 64 << 20
	l2 := openWith(t, other)
	require.EqualValues(t, 1, publishUntilStored(t, l2, []byte("another installation")))
	require.NotEqual(t, l.ID(), l2.ID())
	st := l.Status(context.Background())
	require.True(t, st.Reachable)
	require.Equal(t, Outside, st.Mode)
	// Two daemons of one installation.
	third := cfg
	third.Dir = t.TempDir()
	l3 := openWith(t, third)
	require.Equal(t, "one", string(follow(t, l3, 0).until(t, 1)[0].Data))
	require.Equal(t, l.ID(), l3.ID())
}
