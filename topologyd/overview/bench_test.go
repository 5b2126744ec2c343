package overview_test

import (
	"bytes"
	"testing"

	"github.com/skein-net/skein/topologyd/overview"
	"github.com/skein-net/skein/topologyd/overview/overviewtest"
)

// BenchmarkDraw draws and encodes the whole graph, with two groups opened.
func BenchmarkDraw(b *testing.B) {
	for name, c := range map[string]overviewtest.Config{"5k": overviewtest.Large(), "100k": overviewtest.Huge()} {
		b.Run(name, func(b *testing.B) {
			v := c.Graph().View()
			o, err := overview.New(overview.Options{Expand: []string{hostPath(3), nsPath(4, 2)}})
			if err != nil {
				b.Fatal(err)
			}
			var buf bytes.Buffer
			b.ReportAllocs()
			b.ResetTimer()
			for b.Loop() {
				p, err := o.Draw(b.Context(), whole(v))
				if err != nil {
					b.Fatal(err)
				}
				buf.Reset()
				if err := p.WriteJSON(&buf); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(v.NodeCount()), "nodes")
			b.ReportMetric(float64(v.EdgeCount()), "edges")
		})
	}
}
