package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/skein-net/skein/internal/proctest"
)

// TestMain lets this test binary stand for the two programs: it is linked
// under their names and acts as what it is called.
func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case "topologyd":
		os.Exit(fakeDaemon())
	case "telegraf":
		os.Exit(fakeAgent("AGENT", "agent"))
	case "otelcol":
		os.Exit(fakeAgent("COLLECTOR", "collector"))
	}
	goleak.VerifyTestMain(m)
}

func stopped() <-chan os.Signal {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGTERM)
	return c
}

func fakeDaemon() int {
	stop := stopped()
	if os.Getenv("FAKE_DAEMON") == "broken" {
		fmt.Println("cannot open the log")
		return 3
	}
	listen := ""
	for i, a := range os.Args {
		if a == "--listen" {
			listen = os.Args[i+1]
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /-/ready", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /api/v1/query", func(w http.ResponseWriter, r *http.Request) {
		var q struct{ Gremlin string }
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if strings.Contains(q.Gremlin, "Limit") {
			fmt.Fprintln(w, `[{"Application":"HTTPS","Network":{"A":"192.0.2.1","B":"192.0.2.2"},"Transport":{"A":50000,"B":443},"Metric":{"ABPackets":3,"BAPackets":4,"ABBytes":300,"BABytes":4000}}]`)
			return
		}
		n := 7
		for what, number := range map[string]int{"netns": 2, "container": 1, "switch": 0} {
			if strings.Contains(q.Gremlin, "'"+what+"'") {
				n = number
			}
		}
		fmt.Fprintln(w, n)
	})
	go func() { fmt.Println(http.ListenAndServe(listen, mux)) }()
	fmt.Println("daemon says hello")
	<-stop
	fmt.Println("daemon stops")
	return 0
}

func fakeAgent(env, name string) int {
	stop := stopped()
	if os.Getenv("FAKE_"+env) == "broken" {
		fmt.Println("no such plugin")
		return 4
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			fmt.Println(name, "stops")
			return 0
		case <-tick.C:
			fmt.Println(name, "writes to", os.Getenv("SKEIN_HTTP"))
		}
	}
}

// place makes directories with the fake programs and free addresses.
func place(t *testing.T) *settings {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s := &settings{bin: filepath.Join(dir, "bin"), conf: dir, data: filepath.Join(dir, "data"), http: proctest.FreeAddr(t), otlp: proctest.FreeAddr(t),
		prom: proctest.FreeAddr(t), collector: proctest.FreeAddr(t), capture: true, wait: 30 * time.Second}
	if err := os.Mkdir(s.bin, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"topologyd", "telegraf", "otelcol"} {
		if err := os.Symlink(self, filepath.Join(s.bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestRunShowsFollowsAndStops(t *testing.T) {
	s := place(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out proctest.Buffer
	done := make(chan error, 1)
	go func() { done <- s.run(ctx, &out) }()
	for _, line := range []string{"telegraf  | agent writes to " + s.http, "otelcol   | collector writes to " + s.http} {
		proctest.Eventually(t, 30*time.Second, "log lines follow", func() error {
			if !strings.Contains(out.String(), line) {
				return fmt.Errorf("no %q; output:\n%s", line, out.String())
			}
			return nil
		})
	}
	for _, want := range []string{"2 network namespaces besides its own, 7 interfaces", "Besides: 1 container, 7 bridges of Open vSwitch.\n", "Has('Type','container').ValueMap", "topologyd | daemon says hello", "topologyctl query --server http://" + s.http, "http://" + s.http + "/metrics",
		"HTTPS        192.0.2.1:50000  192.0.2.2:443  7        4300", "otelcol.log"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("output lacks %q:\n%s", want, out.String())
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatalf("run: %v", err)
	}
	text := out.String()
	collector, agent, daemon := strings.Index(text, "collector stops"), strings.Index(text, "agent stops"), strings.Index(text, "daemon stops")
	if collector < 0 || agent < collector || daemon < agent {
		t.Errorf("want the collector to stop, the agent, then the daemon; output:\n%s", text)
	}
	log, err := os.ReadFile(filepath.Join(s.data, "topologyd.log"))
	if err != nil || !strings.Contains(string(log), "daemon says hello\n") {
		t.Errorf("log of topologyd: %q, %v", log, err)
	}
	if l, err := net.Listen("tcp", s.http); err != nil {
		t.Errorf("the daemon still listens: %v", err)
	} else {
		l.Close()
	}
}

func TestRunSaysWhichProcessFailed(t *testing.T) {
	for name, want := range map[string]string{
		"FAKE_DAEMON":    "topologyd ended: exit status 3; its last lines:\ncannot open the log",
		"FAKE_AGENT":     "telegraf ended: exit status 4; its last lines:\nno such plugin",
		"FAKE_COLLECTOR": "otelcol ended: exit status 4; its last lines:\nno such plugin",
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, "broken")
			err := place(t).run(t.Context(), io.Discard)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want %q", err, want)
			}
		})
	}
}

func TestRunNamesThePortInUse(t *testing.T) {
	s := place(t)
	l, err := net.Listen("tcp", s.otlp)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(s.otlp)
	err = s.run(t.Context(), io.Discard)
	if err == nil || !strings.Contains(err.Error(), "port "+port) || !strings.Contains(err.Error(), "SKEIN_OTLP") {
		t.Errorf("error %v, want it to name port %s and SKEIN_OTLP", err, port)
	}
}

func TestRunWithoutCapture(t *testing.T) {
	s := place(t)
	s.capture = false
	if err := os.Remove(filepath.Join(s.bin, "otelcol")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out proctest.Buffer
	done := make(chan error, 1)
	go func() { done <- s.run(ctx, &out) }()
	proctest.Eventually(t, 30*time.Second, "the summary", func() error {
		if text := out.String(); !strings.Contains(text, "Packets are captured as root only") {
			return fmt.Errorf("output: %s", text)
		}
		return nil
	})
	cancel()
	if err := <-done; err != nil {
		t.Fatalf("run: %v", err)
	}
}

func TestRunWithoutPrograms(t *testing.T) {
	s := place(t)
	s.bin = t.TempDir()
	if err := s.run(t.Context(), io.Discard); err == nil || !strings.Contains(err.Error(), "make build") {
		t.Errorf("error %v, want it to say make build", err)
	}
}

func TestStopWhileWaiting(t *testing.T) {
	s := place(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p, err := start(command{name: "telegraf", path: filepath.Join(s.bin, "telegraf"), log: filepath.Join(t.TempDir(), "log")}, &terminal{w: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	defer p.stop()
	err = waitFor(ctx, time.Minute, "never", func(context.Context) bool { return false }, p)
	if err == nil || interrupted(ctx, err) != nil {
		t.Errorf("waitFor: %v; want an error that counts as a stop", err)
	}
}

func TestAddress(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{"", "127.0.0.1:4280"},
		{"5000", "127.0.0.1:5000"},
		{":5000", "127.0.0.1:5000"},
		{"0.0.0.0:5000", "0.0.0.0:5000"},
		{"[::1]:5000", "[::1]:5000"},
	} {
		if got, err := address(tc.in, defaultHTTP); err != nil || got != tc.want {
			t.Errorf("address(%q) = %q, %v; want %q", tc.in, got, err, tc.want)
		}
	}
	for _, in := range []string{"x", "host:", "host:0", "host:99999", "1:2:3"} {
		if got, err := address(in, defaultHTTP); err == nil {
			t.Errorf("address(%q) = %q, want an error", in, got)
		}
	}
}

func TestCommandLine(t *testing.T) {
	none := func(string) string { return "" }
	var stderr bytes.Buffer
	if code := run([]string{"-nosuch"}, none, io.Discard, &stderr); code != 2 {
		t.Errorf("unknown flag: exit %d, want 2", code)
	}
	if code := run([]string{"-h"}, none, io.Discard, &stderr); code != 0 {
		t.Errorf("help: exit %d, want 0", code)
	}
	if code := run(nil, func(string) string { return "nonsense" }, io.Discard, &stderr); code != 2 {
		t.Errorf("bad address: exit %d, want 2", code)
	}
	if code := run([]string{"-bin", t.TempDir()}, none, io.Discard, &stderr); code != 1 {
		t.Errorf("no programs: exit %d, want 1", code)
	}
}

func TestWatchParent(t *testing.T) {
	gone := make(chan struct{})
	watchParent(t.Context(), -1, func() { close(gone) })
	<-gone
}
