package openflow

import (
	"fmt"
	"testing"
)

// BenchmarkDecodeFlowStats decodes 5,000 rules as a bridge of a busy host has
// them, in messages of up to 64 KiB.
func BenchmarkDecodeFlowStats(b *testing.B) {
	for v := V10; v <= V15; v++ {
		b.Run(v.String(), func(b *testing.B) { decodeMany(b, v, typicalRule, 5000) })
	}
	// All kinds of rules of testdata, in turn.
	for _, v := range []Version{V10, V15} {
		b.Run(v.String()+"Various", func(b *testing.B) {
			decodeMany(b, v, func(string, string) bool { return true }, 5000)
		})
	}
}

// typicalRule chooses rules of TCP with some actions.
func typicalRule(match, actions string) bool {
	return len(match) > 10 && len(actions) < 40
}

func decodeMany(b *testing.B, v Version, choose func(match, actions string) bool, n int) {
	b.Helper()
	var samples [][]byte
	vendor := v == V10
	part := func(body []byte) Part {
		if vendor {
			return Part{Version: v, Type: statsVendor, Vendor: vendorNicira, Body: body}
		}
		return Part{Version: v, Type: statsFlow, Body: body}
	}
	for _, p := range recorded(b, v.String()+"-flows") {
		_ = entries(p.Body, "flow", func(e []byte) error {
			return DecodeFlowStats(part(e), func(r *Rule) error {
				if choose(r.Match(), r.ActionsText()) {
					samples = append(samples, e)
				}
				return nil
			})
		})
	}
	var parts []Part
	var body []byte
	for i := range n {
		e := samples[i%len(samples)]
		if len(body)+len(e) > MaxMessage-24 {
			parts, body = append(parts, part(body)), nil
		}
		body = append(body, e...)
	}
	parts = append(parts, part(body))
	size := 0
	for _, p := range parts {
		size += len(p.Body)
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		got := 0
		for _, p := range parts {
			if err := DecodeFlowStats(p, func(*Rule) error { got++; return nil }); err != nil {
				b.Fatal(err)
			}
		}
		if got != n {
			b.Fatal(fmt.Errorf("%d rules of %d", got, n))
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/rule")
}
