package main

import (
	"bytes"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/component"
	"gopkg.in/yaml.v3"
)

// manifest is the part of builder-config.yaml that is compared.
type manifest struct {
	Receivers, Processors, Exporters, Extensions, Providers []struct {
		Gomod  string
		Import string
	}
}

func modules[T any](parts []part[T]) (out []string) {
	for _, p := range parts {
		out = append(out, p.module)
	}
	sort.Strings(out)
	return out
}

// TestManifest: the builder's manifest has the same components, in the versions
// of go.mod.
func TestManifest(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "distribution", "builder-config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var m manifest
	if err := yaml.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	mod, err := os.ReadFile(filepath.Join("..", "..", "..", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		want []string
		got  []struct{ Gomod, Import string }
	}{
		"receivers":  {modules(receivers()), m.Receivers},
		"processors": {modules(processors()), m.Processors},
		"exporters":  {modules(exporters()), m.Exporters},
		"extensions": {modules(extensions()), m.Extensions},
		"providers":  {modules(providers()), m.Providers},
	} {
		var got []string
		for _, g := range c.got {
			path, _, _ := strings.Cut(g.Gomod, " ")
			got = append(got, path)
			if path == skein {
				if g.Import != skein+"/otel-receiver/flowcapture" {
					t.Errorf("import %q", g.Import)
				}
			} else if !bytes.Contains(mod, []byte("\t"+g.Gomod+"\n")) {
				t.Errorf("go.mod does not have %s", g.Gomod)
			}
		}
		sort.Strings(got)
		if strings.Join(got, " ") != strings.Join(c.want, " ") {
			t.Errorf("%s\nmanifest %v\nmain     %v", name, got, c.want)
		}
	}
}

func TestFactories(t *testing.T) {
	f, err := factories()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"otlp_grpc", "otlp_http", "debug", "prometheus", "file"} {
		if f.Exporters[component.MustNewType(name)] == nil {
			t.Errorf("no exporter %s", name)
		}
	}
	for _, name := range []string{"otlp", "flowcapture"} {
		typ := component.MustNewType(name)
		if f.Receivers[typ] == nil || !strings.Contains(f.ReceiverModules[typ], "/") {
			t.Errorf("no receiver %s, or no module of it: %q", name, f.ReceiverModules[typ])
		}
	}
	if f.Processors[component.MustNewType("memory_limiter")] == nil || f.Processors[component.MustNewType("batch")] == nil ||
		f.Extensions[component.MustNewType("file_storage")] == nil {
		t.Error("a processor or an extension is missing")
	}
}

// TestExamples: the example configurations are valid.
func TestExamples(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "..", "distribution", "examples", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	credentials := t.TempDir()
	if err := os.WriteFile(filepath.Join(credentials, "token"), []byte("skein_example"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, filepath.Join("..", "..", "..", "deploy", "hosts", "otelcol.yaml")) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Setenv("SKEIN_STATE", t.TempDir())
			t.Setenv("SKEIN_CREDENTIALS", credentials)
			var out, errs bytes.Buffer
			if code := run([]string{"validate", "--config", file}, &out, &errs); code != 0 {
				t.Errorf("exit code %d: %s", code, errs.String())
			}
		})
	}
}

func TestCommandLine(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--version"}, 0, "otelcol version "},
		{[]string{"components"}, 0, "name: flowcapture"},
		{[]string{"--nonsense"}, 1, "unknown flag"},
		{nil, 1, "at least one config flag must be provided"},
		{[]string{"validate", "--config", "yaml:receivers::flowcapture::captures: []"}, 1, "otelcol: "},
	} {
		var out bytes.Buffer
		if code := run(c.args, &out, &out); code != c.code || !strings.Contains(out.String(), c.want) {
			t.Errorf("%v: code %d, %s", c.args, code, out.String())
		}
	}
}
