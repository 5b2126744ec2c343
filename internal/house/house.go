// Package house holds the rules about which part of the project may import
// what (CONTRIBUTING.md). golangci-lint checks the same rules by depguard; the
// test of this package checks them with nothing but the go command, so they
// hold also where no linter can be installed. It must never be imported.
package house

import (
	"fmt"
	"strings"
)

// Module is the path of the one Go module.
const Module = "github.com/skein-net/skein"

// owner says below which folders packages of other modules may be imported.
type owner struct {
	what    string
	imports []string
	// except are import paths that this row does not speak of.
	except  []string
	folders []string
}

func owners() []owner {
	return []owner{
		{
			what:    "Telegraf",
			imports: []string{"github.com/influxdata/telegraf"},
			folders: []string{"telegraf-inputs"},
		},
		{
			what:    "the OpenTelemetry Collector",
			imports: []string{"go.opentelemetry.io/collector", "github.com/open-telemetry/opentelemetry-collector-contrib"},
			except:  []string{"go.opentelemetry.io/collector/pdata"},
			folders: []string{"otel-receiver"},
		},
		{
			what:    "OTLP data (pdata)",
			imports: []string{"go.opentelemetry.io/collector/pdata"},
			folders: []string{"otel-receiver", "topologyd", "internal/entity/otlplog", "internal/flowrecord/otlplog"},
		},
		{
			what:    "Grafana's SDK",
			imports: []string{"github.com/grafana/grafana-plugin-sdk-go"},
			folders: []string{"grafana-datasource"},
		},
		{
			what:    "Grafana's dashboard builders",
			imports: []string{"github.com/grafana/grafana-foundation-sdk"},
			folders: []string{"dashboards"},
		},
		{
			what:    "NATS",
			imports: []string{"github.com/nats-io"},
			folders: []string{"topologyd/eventlog"},
		},
		{
			what:    "eBPF",
			imports: []string{"github.com/cilium/ebpf"},
			folders: []string{"otel-receiver"},
		},
		{
			what:    "OVSDB",
			imports: []string{"github.com/ovn-org/libovsdb"},
			folders: []string{"telegraf-inputs/topology_ovs"},
		},
		{
			what:    "the container runtimes' clients",
			imports: []string{"github.com/moby/moby", "github.com/containerd"},
			folders: []string{"telegraf-inputs/topology_containers"},
		},
		{
			what:    "Alertmanager's client and Prometheus' discovery",
			imports: []string{"github.com/prometheus/alertmanager", "github.com/prometheus/prometheus"},
			folders: []string{"topologyd/alertmanager"},
		},
		{
			what:    "OpenID Connect",
			imports: []string{"github.com/coreos/go-oidc", "github.com/go-jose"},
			folders: []string{"topologyd/auth"},
		},
		{
			what:    "VictoriaLogs",
			imports: []string{"github.com/VictoriaMetrics"},
			folders: []string{"topologyd/flowstore"},
		},
	}
}

// core lists the pure packages, which import the standard library and one
// another only. Each row speaks of the folder and what is below it.
func core() []string {
	return []string{"internal/entity", "internal/flowrecord", "internal/order", "topologyd/graph", "topologyd/gremlin", "topologyd/diff", "topologyd/overview", "topologyd/follow", "topologyd/lane", "topologyd/when", "topologyd/hops", "topologyd/join", "topologyd/alert", "internal/pcapwrite", "otel-receiver/packet", "otel-receiver/flow", "grafana-datasource/pkg/layout"}
}

// notCore are folders below a core one that are not pure.
func notCore() []string {
	return []string{"internal/entity/otlplog", "internal/flowrecord/otlplog", "topologyd/alert/rulefile", "topologyd/alert/ruletest", "otel-receiver/packet/packettest"}
}

// Check returns what is wrong with package from importing package to; both are
// import paths, from belongs to the module. "" means nothing.
func Check(from, to string) string {
	folder := strings.TrimPrefix(strings.TrimPrefix(from, Module), "/")
	standard := !strings.Contains(strings.SplitN(to, "/", 2)[0], ".")
	if standard {
		return ""
	}
	if isCore(folder) {
		if target, own := strings.CutPrefix(to, Module+"/"); !own || !isCore(target) {
			return fmt.Sprintf("%s is pure: it may not import %s", folder, to)
		}
		return ""
	}
	if target, own := strings.CutPrefix(to, Module+"/"); own {
		return checkOwn(folder, target)
	}
	for _, o := range owners() {
		if within(to, o.imports) && !within(to, o.except) && !within(folder, o.folders) {
			return fmt.Sprintf("%s imports %s: %s belongs below %s", folder, to, o.what, strings.Join(o.folders, ", "))
		}
	}
	return ""
}

// checkOwn checks imports within the module.
func checkOwn(folder, target string) string {
	parts := []string{"telegraf-inputs", "otel-receiver", "grafana-datasource", "topologyd"}
	switch {
	case within(target, []string{"topologyd/client"}):
		return ""
	case within(folder, []string{"internal"}) && within(target, parts):
		return fmt.Sprintf("%s imports %s: what is shared may not depend on one of those who share it", folder, target)
	}
	for _, p := range parts {
		if within(target, []string{p}) && within(folder, parts) && !within(folder, []string{p}) {
			return fmt.Sprintf("%s imports %s: the parts know one another by topologyd/client only", folder, target)
		}
	}
	return ""
}

func isCore(folder string) bool { return within(folder, core()) && !within(folder, notCore()) }

// within reports whether path is one of the prefixes or lies below one.
func within(path string, prefixes []string) bool {
	for _, p := range prefixes {
		if path == p || strings.HasPrefix(path, p+"/") {
			return true
		}
	}
	return false
}
