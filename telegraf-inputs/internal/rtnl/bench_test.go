package rtnl

import (
	"path/filepath"
	"testing"
)

func benchmarkDecode[T any](b *testing.B, file string, decode func([]byte) (T, error)) {
	b.Helper()
	m := readMessages(b, filepath.Join("testdata/linux-6.18-le", file))
	if len(m) == 0 {
		b.Skip("no recording for this test")
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(m[0].data)))
	for b.Loop() {
		if _, err := decode(m[0].data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeVeth(b *testing.B)   { benchmarkDecode(b, "link-veth.hex", DecodeLink) }
func BenchmarkDecodeBridge(b *testing.B) { benchmarkDecode(b, "link-bridge.hex", DecodeLink) }
func BenchmarkDecodeVXLAN(b *testing.B)  { benchmarkDecode(b, "link-vxlan.hex", DecodeLink) }
func BenchmarkDecodeAddr(b *testing.B)   { benchmarkDecode(b, "addr.hex", DecodeAddr) }
func BenchmarkDecodeRoute(b *testing.B)  { benchmarkDecode(b, "route.hex", DecodeRoute) }
func BenchmarkDecodeNeigh(b *testing.B)  { benchmarkDecode(b, "neigh.hex", DecodeNeigh) }
