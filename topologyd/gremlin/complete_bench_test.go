package gremlin

import "testing"

// BenchmarkComplete completes on a graph of 100 k nodes.
func BenchmarkComplete(b *testing.B) {
	v := benchView(b, 100_000)
	for _, tc := range []struct{ name, text string }{
		{"step", "G.V().|"},
		{"key", "G.V().Has('|"},
		{"key-narrowed", "G.V().Has('Type', 'veth').Out().Has('|"},
		{"key-slow", "G.V().Has('Name', REGEX('eth.*999')).Has('|"},
		{"value", "G.V().Has('Type', '|"},
		{"value-many", "G.V().Has('Name', '|"},
		{"value-typed", "G.V().Has('Name', 'h99|"},
		{"value-narrowed", "G.V().Has('Type', 'veth').Has('Name', '|"},
		{"value-edges", "G.E().Has('RelationType', '|"},
		{"value-descendants", "G.V().Has('Type', 'host').Descendants(0).Has('State', '|"},
	} {
		text, offset := marked(tc.text)
		b.Run(tc.name, func(b *testing.B) {
			b.ReportAllocs()
			defer reportCPU(b)()
			for b.Loop() {
				if c := Complete(b.Context(), text, offset, v, Sources{}, 50); len(c.Items) == 0 && tc.name != "value-typed" {
					b.Fatalf("%+v", c)
				}
			}
		})
	}
}
