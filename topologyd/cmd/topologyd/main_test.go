package main

import (
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/skein-net/skein/topologyd/config"
)

// TestMain makes the test binary a topologyd when it is asked to be one.
func TestMain(m *testing.M) {
	if os.Getenv("TEST_RUN_TOPOLOGYD") != "" {
		os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

func TestHelp(t *testing.T) {
	var out bytes.Buffer
	if code := run([]string{"--help"}, &out, &out); code != 0 {
		t.Fatalf("exit code %d: %s", code, out.String())
	}
	c := config.DefaultConfig()
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if !strings.Contains(out.String(), "--"+f.Name) || !strings.Contains(out.String(), "("+config.EnvName(f.Name)+")") {
			t.Errorf("--help does not explain --%s", f.Name)
		}
		if f.DefValue != "" && !strings.Contains(out.String(), f.DefValue) {
			t.Errorf("--help does not say the default %s of --%s", f.DefValue, f.Name)
		}
	})
}

func TestVersion(t *testing.T) {
	var out bytes.Buffer
	if code := run([]string{"--version"}, &out, &out); code != 0 || !strings.HasPrefix(out.String(), "topologyd version ") {
		t.Errorf("exit code %d: %s", code, out.String())
	}
}

func TestMistakes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(file, []byte("data-dir: x\nlisten-on: y\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, x := range map[string]struct {
		args []string
		code int
	}{
		"unknown flag: --lissten":                       {[]string{"--lissten", "x"}, exitUsage},
		`"serve" is not a flag`:                         {[]string{"serve"}, exitUsage},
		"--log-level: \"loud\" is not known":            {[]string{"--log-level", "loud"}, exitUsage},
		`line 2: unknown key "listen-on"`:               {[]string{"--config", file}, exitUsage},
		"open configuration":                            {[]string{"--config", "/nowhere.yaml"}, exitUsage},
		"--listen: listen tcp 192.0.2.1:1: bind":        {[]string{"--listen", "192.0.2.1:1", "--data-dir", t.TempDir()}, exitFailure},
		"start engine: make data directory":             {[]string{"--listen", "127.0.0.1:0", "--otlp-listen", "", "--data-dir", file}, exitFailure},
		`invalid argument "soon" for "--query-timeout"`: {[]string{"--query-timeout", "soon"}, exitUsage},
		`"lots" is not a size; write a whole number`:    {[]string{"--max-body", "lots"}, exitUsage},
		"--query-max-results: must be more than zero":   {[]string{"--query-max-results", "0"}, exitUsage},
		"--shutdown-timeout: must be more than zero":    {[]string{"--shutdown-timeout", "-1s"}, exitUsage},
	} {
		var out bytes.Buffer
		if code := run(x.args, &out, &out); code != x.code || !strings.Contains(out.String(), want) {
			t.Errorf("%q: exit code %d: %s", x.args, code, out.String())
		}
		if strings.Contains(out.String(), "Usage:") {
			t.Errorf("%q: a mistake is buried under the help text", x.args)
		}
	}
}

// TestSignal runs the real thing in a process of its own and ends it as a
// service manager does.
func TestSignal(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, "--listen", "127.0.0.1:0", "--otlp-listen", "", "--log-format", "json")
	cmd.Env = append(os.Environ(), "TEST_RUN_TOPOLOGYD=1", "SKEIN_DATA_DIR="+t.TempDir())
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close() //nolint:errcheck,gosec // the child's now
	if err := r.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	ready := regexp.MustCompile(`"msg":"ready","http":"([^"]+)"`)
	var log bytes.Buffer
	for buf := make([]byte, 4096); !ready.Match(log.Bytes()); {
		n, err := r.Read(buf)
		if err != nil {
			t.Fatalf("%v after %s", err, log.String())
		}
		log.Write(buf[:n])
	}
	resp, err := http.Get("http://" + ready.FindStringSubmatch(log.String())[1] + "/-/ready")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close() //nolint:errcheck,gosec // only the status matters
	if resp.StatusCode != 200 {
		t.Errorf("not ready: %d", resp.StatusCode)
	}
	http.DefaultClient.CloseIdleConnections()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if _, err := log.ReadFrom(r); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil || !strings.Contains(log.String(), `"msg":"stopped"`) {
		t.Errorf("%v: %s", err, log.String())
	}
}
