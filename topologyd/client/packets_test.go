package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/topologyd/client"
)

// packetServer answers as topologyd does.
func packetServer(t *testing.T, answer http.HandlerFunc) *client.Client {
	t.Helper()
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	cfg := client.DefaultConfig()
	cfg.Server, cfg.Timeout = s.URL, 300*time.Millisecond
	c, err := client.New(cfg)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func TestPackets(t *testing.T) {
	var asked *http.Request
	c := packetServer(t, func(w http.ResponseWriter, r *http.Request) {
		asked = r
		h := w.Header()
		h.Set("Trailer", "X-Skein-Limit, X-Skein-Error, X-Skein-End, X-Skein-Packets, X-Skein-Lost, X-Skein-Broken-Hosts")
		h.Set("Content-Disposition", `attachment; filename="web.pcapng"`)
		h.Set("X-Skein-Missing-Hosts", "a%20b, c")
		fmt.Fprint(w, "packets")
		if r.URL.Query().Has("follow") {
			h.Set("X-Skein-Error", "gone")
			h.Set("X-Skein-End", "the capture was deleted")
			return
		}
		h.Set("X-Skein-Limit", "bytes")
		h.Set("X-Skein-Packets", "3")
		h.Set("X-Skein-Lost", "2")
		h.Set("X-Skein-Broken-Hosts", "d%2Fe")
	})
	s, err := c.Packets(t.Context(), "web", client.Packets{
		Node: "eth0", Flows: []string{"f1", "f2"}, From: "-1m", To: "NOW", Limit: 5, Bytes: 6, Format: client.Pcap,
	})
	require.NoError(t, err)
	require.Equal(t, "/api/v1/captures/web/packets?bytes=6&flow=f1&flow=f2&format=pcap&from=-1m&limit=5&node=eth0&to=NOW", asked.URL.String())
	b, err := io.ReadAll(s)
	require.NoError(t, err)
	require.Equal(t, "packets", string(b))
	require.Equal(t, "web.pcapng", s.FileName)
	require.Equal(t, []string{"a b", "c"}, s.Missing)
	require.Equal(t, client.PacketEnd{Packets: 3, Lost: 2, Limit: "bytes", Broken: []string{"d/e"}}, s.End())
	require.NoError(t, s.Close())
	require.NoError(t, s.Close())

	s, err = c.Packets(t.Context(), "web", client.Packets{Follow: true})
	require.NoError(t, err)
	b, err = io.ReadAll(s)
	require.Equal(t, "packets", string(b))
	var e *client.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, "the capture was deleted", e.Error())
	require.NoError(t, s.Close())

	_, err = c.Packets(t.Context(), "a/b", client.Packets{})
	require.ErrorContains(t, err, "not the ID")
}

func TestPacketsFail(t *testing.T) {
	c := packetServer(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Query().Get("node") {
		case "forbidden":
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `{"error":{"code":"forbidden","message":"start topologyd with --raw-packets"}}`)
		case "silent":
			<-r.Context().Done()
		case "stuck":
			fmt.Fprint(w, "x")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		case "torn":
			fmt.Fprint(w, "x")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}
	})
	_, err := c.Packets(t.Context(), "web", client.Packets{Node: "forbidden"})
	var e *client.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, client.CodeForbidden, e.Code)
	_, err = c.Packets(t.Context(), "web", client.Packets{Node: "silent"})
	require.ErrorContains(t, err, "no answer within")
	for _, node := range []string{"stuck", "torn"} {
		s, err := c.Packets(t.Context(), "web", client.Packets{Node: node})
		require.NoError(t, err)
		_, err = io.ReadAll(s)
		require.Error(t, err)
		require.False(t, errors.Is(err, io.EOF))
		require.NoError(t, s.Close())
	}
	// One that is followed may be silent for as long as it likes.
	ctx, cancel := context.WithTimeout(t.Context(), 900*time.Millisecond)
	defer cancel()
	s, err := c.Packets(ctx, "web", client.Packets{Node: "stuck", Follow: true})
	require.NoError(t, err)
	begun := time.Now()
	_, err = io.ReadAll(s)
	require.Error(t, err)
	require.GreaterOrEqual(t, time.Since(begun), 500*time.Millisecond)
	require.NoError(t, s.Close())
}
