package flowstore

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/proctest"
)

// victoriaLogs builds the program of the module that the embedded store is made of.
func victoriaLogs(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: builds and runs VictoriaLogs")
	}
	// The program needs more than the project does: it is built with a copy of
	// the list of modules.
	dir := t.TempDir()
	mod, err := exec.CommandContext(t.Context(), "go", "env", "GOMOD").Output()
	if err != nil {
		t.Skipf("no go command: %v", err)
	}
	root := filepath.Dir(strings.TrimSpace(string(mod)))
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "victoria-logs")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-mod=mod", "-modfile="+filepath.Join(dir, "go.mod"), "-o", path,
		"github.com/VictoriaMetrics/VictoriaLogs/app/victoria-logs")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("VictoriaLogs cannot be built here: %v\n%s", err, out)
	}
	return path
}

// run starts a VictoriaLogs and waits until it answers.
func run(t *testing.T, program string, args ...string) (addr string) {
	t.Helper()
	addr = proctest.FreeAddr(t)
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, append(args, "-httpListenAddr="+addr)...)
	var log proctest.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s:\n%s", addr, log.String())
		}
	})
	proctest.Eventually(t, 30*time.Second, "VictoriaLogs answers", func() error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/health", http.NoBody)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		return resp.Body.Close()
	})
	http.DefaultClient.CloseIdleConnections()
	return addr
}

// openRemote starts a store that talks to a VictoriaLogs.
func openRemote(t *testing.T, addr string, change func(*Config)) *Store {
	t.Helper()
	cfg := DefaultConfig()
	cfg.URL = "http://" + addr
	if change != nil {
		change(&cfg)
	}
	s, err := New(cfg, testLogger())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

// flushing is a backend that flushes the nodes of a cluster after its front.
type flushing struct {
	backend
	nodes []*Store
}

func (f *flushing) flush(ctx context.Context) error {
	if err := f.backend.flush(ctx); err != nil {
		return err
	}
	for _, n := range f.nodes {
		if err := n.Flush(ctx); err != nil {
			return err
		}
	}
	return nil
}

func TestCluster(t *testing.T) {
	program := victoriaLogs(t)
	a := run(t, program, "-storageDataPath="+t.TempDir())
	b := run(t, program, "-storageDataPath="+t.TempDir())
	front := run(t, program, "-storageNode="+a+","+b)
	nodes := []*Store{openRemote(t, a, nil), openRemote(t, b, nil)}
	conformance(t, func(t *testing.T) *Store {
		s := openRemote(t, front, nil)
		s.back = &flushing{s.back, nodes}
		return s
	}, 150)
}
