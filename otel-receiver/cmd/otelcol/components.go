package main

import (
	"errors"
	"runtime/debug"

	"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/fileexporter"
	"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/prometheusexporter"
	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/bearertokenauthextension"
	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/envprovider"
	"go.opentelemetry.io/collector/confmap/provider/fileprovider"
	"go.opentelemetry.io/collector/confmap/provider/yamlprovider"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/debugexporter"
	"go.opentelemetry.io/collector/exporter/otlpexporter"
	"go.opentelemetry.io/collector/exporter/otlphttpexporter"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/batchprocessor"
	"go.opentelemetry.io/collector/processor/memorylimiterprocessor"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/service/telemetry/otelconftelemetry"

	"github.com/skein-net/skein/internal/version"
	"github.com/skein-net/skein/otel-receiver/flowcapture"
)

// Where modules come from.
const (
	skein   = "github.com/skein-net/skein"
	core    = "go.opentelemetry.io/collector/"
	contrib = "github.com/open-telemetry/opentelemetry-collector-contrib/"
)

// part is a component with the module it comes from. The lists below and
// otel-receiver/distribution/builder-config.yaml hold the same; a test compares
// them.
type part[T any] struct {
	module  string
	factory T
}

func receivers() []part[receiver.Factory] {
	return []part[receiver.Factory]{
		{core + "receiver/otlpreceiver", otlpreceiver.NewFactory()},
		{skein, flowcapture.NewFactory()},
	}
}

func processors() []part[processor.Factory] {
	return []part[processor.Factory]{
		{core + "processor/batchprocessor", batchprocessor.NewFactory()},
		{core + "processor/memorylimiterprocessor", memorylimiterprocessor.NewFactory()},
	}
}

func exporters() []part[exporter.Factory] {
	return []part[exporter.Factory]{
		{core + "exporter/debugexporter", debugexporter.NewFactory()},
		{core + "exporter/otlpexporter", otlpexporter.NewFactory()},
		{core + "exporter/otlphttpexporter", otlphttpexporter.NewFactory()},
		{contrib + "exporter/fileexporter", fileexporter.NewFactory()},
		{contrib + "exporter/prometheusexporter", prometheusexporter.NewFactory()},
	}
}

func extensions() []part[extension.Factory] {
	return []part[extension.Factory]{
		{contrib + "extension/bearertokenauthextension", bearertokenauthextension.NewFactory()},
		{contrib + "extension/storage/filestorage", filestorage.NewFactory()},
	}
}

func providers() []part[confmap.ProviderFactory] {
	return []part[confmap.ProviderFactory]{
		{core + "confmap/provider/envprovider", envprovider.NewFactory()},
		{core + "confmap/provider/fileprovider", fileprovider.NewFactory()},
		{core + "confmap/provider/yamlprovider", yamlprovider.NewFactory()},
	}
}

func factories() (otelcol.Factories, error) {
	f := otelcol.Factories{Telemetry: otelconftelemetry.NewFactory()}
	var errs [4]error
	f.Receivers, f.ReceiverModules, errs[0] = maps(receivers())
	f.Processors, f.ProcessorModules, errs[1] = maps(processors())
	f.Exporters, f.ExporterModules, errs[2] = maps(exporters())
	f.Extensions, f.ExtensionModules, errs[3] = maps(extensions())
	return f, errors.Join(errs[:]...)
}

// maps returns the factories and their modules by type.
func maps[T component.Factory](parts []part[T]) (map[component.Type]T, map[component.Type]string, error) {
	factories := make([]T, 0, len(parts))
	modules := make(map[component.Type]string, len(parts))
	for _, p := range parts {
		factories = append(factories, p.factory)
		modules[p.factory.Type()] = moduleVersion(p.module)
	}
	m, err := otelcol.MakeFactoryMap(factories...)
	return m, modules, err
}

// moduleVersion returns a module's path and version as the command components
// shows them.
func moduleVersion(path string) string {
	if path == skein {
		return path + " " + version.String()
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == path {
				return path + " " + m.Version
			}
		}
	}
	return path
}
