package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/proctest"
)

// inetd runs a program for each connection, with it as input and output, as
// systemd does for a socket with Accept=yes. It returns the address.
func inetd(t testing.TB, name string, args ...string) string {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var done sync.WaitGroup
	serve := func(c net.Conn) error {
		defer c.Close() //nolint:errcheck // it has been answered
		f, err := c.(*net.TCPConn).File()
		if err != nil {
			return err
		}
		defer f.Close()                    //nolint:errcheck // as above
		cmd := exec.Command(name, args...) //nolint:noctx // it ends with the request
		cmd.Stdin, cmd.Stdout = f, f
		return cmd.Run()
	}
	done.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			done.Go(func() {
				if err := serve(c); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		done.Wait()
	})
	return l.Addr().String()
}

// TestWebhookScript runs deploy/webhook-script behind a real Alertmanager, with a
// script that fails the first time: what it is given on stdin is the notification,
// and it is given it again.
func TestWebhookScript(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "on-alert")
	require.NoError(t, os.WriteFile(script, []byte(fmt.Sprintf("#!/bin/sh\ncat > %[1]s/got.$$\n[ -e %[1]s/failed ] || { touch %[1]s/failed; exit 1; }\nmv %[1]s/got.$$ %[1]s/got\n", dir)), 0o700))
	addr := inetd(t, "../../deploy/webhook-script/webhook-script", script)
	am := proctest.NewAlertmanager(t, "http://"+addr+"/")

	resp, err := http.Get("http://" + addr) //nolint:noctx // on loopback
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusMethodNotAllowed, resp.StatusCode)

	// A body of unknown length would be an empty one, and the alert lost.
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr)
	require.NoError(t, err)
	defer conn.Close() //nolint:errcheck // it has answered
	_, err = io.WriteString(conn, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
	require.NoError(t, err)
	answer, err := io.ReadAll(conn)
	require.NoError(t, err)
	require.Contains(t, string(answer), "411 Length Required")

	summary := "größer\n$(touch " + dir + "/hacked) '\"; end"
	body, err := json.Marshal([]map[string]any{{
		"labels": map[string]string{"alertname": "PortDown", "name": "port0"}, "annotations": map[string]string{"summary": summary},
	}})
	require.NoError(t, err)
	resp, err = http.Post("http://"+am.Addr+"/api/v2/alerts", "application/json", bytes.NewReader(body)) //nolint:noctx // on loopback
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusOK, resp.StatusCode)

	var got struct {
		Status string            `json:"status"`
		Alerts []proctest.Notice `json:"alerts"`
	}
	proctest.Eventually(t, 60*time.Second, "the script is run", func() error {
		b, err := os.ReadFile(filepath.Join(dir, "got"))
		if err == nil {
			err = json.Unmarshal(b, &got)
		}
		return err
	})
	require.Equal(t, "firing", got.Status)
	require.Len(t, got.Alerts, 1)
	require.Equal(t, summary, got.Alerts[0].Annotations["summary"])
	_, err = os.Stat(filepath.Join(dir, "hacked"))
	require.True(t, errors.Is(err, os.ErrNotExist), "text of an alert is never run")
}
