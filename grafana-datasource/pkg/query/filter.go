package query

import (
	"fmt"
	"strconv"

	"github.com/skein-net/skein/topologyd/client"
)

// check says what is wrong with a filter.
func (f *Filter) check() error {
	for _, p := range split(f.Port) {
		if n, err := strconv.Atoi(p); err != nil || n < 0 || n > 65535 {
			return fmt.Errorf("filter port %q: give numbers from 0 to 65535, with commas between them", p)
		}
	}
	if f.Finished == All {
		f.Finished = ""
	}
	if f.Finished != "" {
		return oneOf("filter finished", &f.Finished, "true", "false")
	}
	return nil
}

// Flows returns the filter as topologyd takes it. It must have been checked.
func (f *Filter) Flows() client.FlowFilter {
	out := client.FlowFilter{
		Node: nodes(f.Node), Host: split(f.Host), Interface: split(f.Interface), Capture: split(f.Capture), Address: split(f.Address),
		Application: split(f.Application), Protocol: split(f.Protocol), Layers: split(f.Layers), Tracking: split(f.Tracking), Finished: f.Finished,
	}
	for _, p := range split(f.Port) {
		if n, err := strconv.Atoi(p); err == nil {
			out.Port = append(out.Port, n)
		}
	}
	return out
}

// nodes is split that leaves a query whole: it may have commas of its own.
func nodes(text string) []string {
	if gremlin(text) {
		return []string{text}
	}
	return split(text)
}
