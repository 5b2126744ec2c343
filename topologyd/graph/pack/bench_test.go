package pack

import (
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/entity/entitytest"
)

// packed returns attributes of a network's interfaces, packed, and their mean
// size.
func packed(d *Dict, n int) (datas []string, size float64) {
	total := 0
	for i := range n {
		e := entitytest.Network(i, time.Unix(1, 0))
		data := string(d.AppendOf(nil, e.Attributes, uint32(i+1)))
		total += len(data)
		datas = append(datas, data)
	}
	return datas, float64(total) / float64(n)
}

func BenchmarkGet(b *testing.B) {
	d := NewDict()
	datas, _ := packed(d, 10_000)
	data := datas[len(datas)-5]
	for _, key := range []string{"Driver", "MTU", "MAC", "Type", "Missing", "Mode"} {
		b.Run(key, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				d.Get(data, key)
			}
		})
	}
	b.Run("HoldsMAC", func(b *testing.B) {
		b.ReportAllocs()
		v := d.Get(data, "MAC")
		for b.Loop() {
			if !d.Holds(data, "MAC", v) {
				b.Fatal("not there")
			}
		}
	})
	b.Run("Scan", func(b *testing.B) {
		i := 0
		for b.Loop() {
			d.Get(datas[i], "Type")
			if i++; i == len(datas) {
				i = 0
			}
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	d := NewDict()
	var attrs []entity.Attrs
	for i := range 10_000 {
		attrs = append(attrs, entitytest.Network(i, time.Unix(1, 0)).Attributes)
	}
	buf := make([]byte, 0, 1024)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		d.AppendOf(buf, attrs[i], uint32(i+1))
		if i++; i == len(attrs) {
			i = 0
		}
	}
	_, size := packed(d, 10_000)
	b.ReportMetric(size, "B/node")
}

func BenchmarkAttrs(b *testing.B) {
	d := NewDict()
	datas, _ := packed(d, 10_000)
	data := datas[len(datas)-5]
	b.Run("Attrs", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			d.Attrs(data)
		}
	})
	b.Run("AppendJSON", func(b *testing.B) {
		buf := make([]byte, 0, 1024)
		b.ReportAllocs()
		for b.Loop() {
			d.AppendJSON(buf, data)
		}
	})
	b.Run("Equal", func(b *testing.B) {
		a := d.Attrs(data)
		b.ReportAllocs()
		for b.Loop() {
			d.Equal(data, a)
		}
	})
}
