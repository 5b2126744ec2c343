// Command otelcol is an OpenTelemetry Collector that watches packets: the
// receiver flowcapture with what it takes to send flows to topologyd, to any
// other receiver of OTLP, to Prometheus or to files.
package main

import (
	"fmt"
	"io"
	"os"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/otelcol"

	"github.com/skein-net/skein/internal/version"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	cmd := otelcol.NewCommand(settings())
	cmd.SetArgs(args)
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	cmd.SilenceErrors = true
	if err := cmd.Execute(); err != nil {
		fmt.Fprintf(stderr, "otelcol: %v\n", err)
		return 1
	}
	return 0
}

func settings() otelcol.CollectorSettings {
	set := otelcol.CollectorSettings{
		BuildInfo: component.BuildInfo{
			Command:     "otelcol",
			Description: "OpenTelemetry Collector that watches packets",
			Version:     version.String(),
		},
		Factories:       factories,
		ProviderModules: make(map[string]string),
	}
	resolver := &set.ConfigProviderSettings.ResolverSettings
	for _, p := range providers() {
		resolver.ProviderFactories = append(resolver.ProviderFactories, p.factory)
		set.ProviderModules[p.factory.Create(confmap.ProviderSettings{}).Scheme()] = moduleVersion(p.module)
	}
	return set
}
