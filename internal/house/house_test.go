package house

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	const telegraf = "github.com/influxdata/telegraf/metric"
	for _, tc := range []struct {
		from, to string
		ok       bool
	}{
		{"internal/entity", "encoding/json", true},
		{"internal/entity/lineproto", Module + "/internal/entity", true},
		{"internal/entity/lineproto", telegraf, false},
		{"internal/entity/otlplog", "go.opentelemetry.io/collector/pdata/plog", true},
		{"internal/entity/otlplog", "go.opentelemetry.io/collector/component", false},
		{"topologyd/graph", Module + "/internal/entity", true},
		{"topologyd/graph", Module + "/topologyd/engine", false},
		{"topologyd/graph", "golang.org/x/sys/unix", false},
		{"topologyd/gremlin", Module + "/topologyd/graph", true},
		{"topologyd/engine", telegraf, false},
		{"topologyd/ingest", "go.opentelemetry.io/collector/pdata/plog/plogotlp", true},
		{"topologyd/ingest", "github.com/nats-io/nats.go", false},
		{"topologyd/eventlog", "github.com/nats-io/nats-server/v2/server", true},
		{"topologyd/engine", Module + "/topologyd/eventlog", true},
		{"telegraf-inputs/topology_host", telegraf, true},
		{"telegraf-inputs/topology_host", Module + "/topologyd/graph", false},
		{"telegraf-inputs/topology_host", Module + "/topologyd/client", true},
		{"otel-receiver/receiver", Module + "/telegraf-inputs/internal/report", false},
		{"internal/netns", "github.com/vishvananda/netlink", true},
		{"internal/netns", Module + "/topologyd/engine", false},
		{"internal/entityother", telegraf, false},
		{"deploy/local", Module + "/topologyd/client", true},
	} {
		if got := Check(Module+"/"+tc.from, tc.to); (got == "") != tc.ok {
			t.Errorf("Check(%s, %s) = %q, want ok %v", tc.from, tc.to, got, tc.ok)
		}
	}
}

// TestHouse checks every package of the module.
func TestHouse(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-json=ImportPath,Imports", Module+"/...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	seen := 0
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var pkg struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&pkg); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("read the output of go list: %v", err)
		}
		if !strings.HasPrefix(pkg.ImportPath, Module) {
			continue
		}
		seen++
		for _, to := range pkg.Imports {
			if problem := Check(pkg.ImportPath, to); problem != "" {
				t.Error(problem)
			}
		}
	}
	if seen == 0 {
		t.Fatal("go list found no package of the module")
	}
}
