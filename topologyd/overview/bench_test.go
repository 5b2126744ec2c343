package overview_test

import (
	"bytes"
	"testing"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/diff"
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

// BenchmarkDrawDifference does so with a difference of one percent.
func BenchmarkDrawDifference(b *testing.B) {
	for name, c := range map[string]overviewtest.Config{"5k": overviewtest.Large(), "100k": overviewtest.Huge()} {
		b.Run(name, func(b *testing.B) {
			g := c.Graph()
			before := g.View()
			for i, e := range c.Events() {
				if i%100 == 0 {
					e.Time = e.Time.Add(1)
					e.Attributes = e.Attributes.With("MTU", entity.Int(9000))
					x := g.Prepare(&e, 0)
					g.Apply(&x, e.Time, nil)
				}
			}
			src := whole(g.View())
			src.Before = before
			o, err := overview.New(overview.Options{ChangesOnly: true})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.ResetTimer()
			for b.Loop() {
				if src.Diff, err = diff.Views(b.Context(), before, src.View, diff.Options{}); err != nil {
					b.Fatal(err)
				}
				if _, err := o.Draw(b.Context(), src); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
