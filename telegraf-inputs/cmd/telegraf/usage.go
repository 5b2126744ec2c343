package main

import (
	"fmt"
	"io"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/plugins/aggregators"
	"github.com/influxdata/telegraf/plugins/inputs"
	"github.com/influxdata/telegraf/plugins/outputs"
	"github.com/influxdata/telegraf/plugins/processors"
)

// printUsage writes the sample configuration of every plugin with that name:
// an input and an output may share one.
func printUsage(w io.Writer, name string) error {
	var found []telegraf.PluginDescriber
	if f, ok := inputs.Inputs[name]; ok {
		found = append(found, f())
	}
	if f, ok := outputs.Outputs[name]; ok {
		found = append(found, f())
	}
	if f, ok := processors.Processors[name]; ok {
		found = append(found, f())
	}
	if f, ok := aggregators.Aggregators[name]; ok {
		found = append(found, f())
	}
	if len(found) == 0 {
		return fmt.Errorf("no plugin %q in this agent", name)
	}
	for _, p := range found {
		if _, err := io.WriteString(w, p.SampleConfig()); err != nil {
			return fmt.Errorf("write sample configuration: %w", err)
		}
	}
	return nil
}
