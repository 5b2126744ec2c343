package rtnl

import (
	"bytes"
	"path/filepath"
	"testing"
)

// seed gives the fuzzer every recorded message of the files that match, and a
// few that are cut short.
func seed(f *testing.F, pattern string) {
	for _, dir := range recordings(f) {
		paths, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			f.Fatal(err)
		}
		for _, p := range paths {
			for i, m := range readMessages(f, p) {
				f.Add(m.data)
				if i%8 == 0 {
					f.Add(m.data[:len(m.data)/2])
					f.Add(m.data[:len(m.data)-1])
				}
			}
		}
	}
}

// check decodes the input twice: the result must not depend on what is behind
// the input, nor share memory with it, and must be no larger than the bounds of
// the input allow.
func check[T any](t *testing.T, b []byte, decode func([]byte) (T, error)) {
	t.Helper()
	padded := append(append([]byte(nil), b...), bytes.Repeat([]byte{0xff}, 64)...)
	input := padded[:len(b)]
	r, err := decode(input)
	if err != nil && err.Error() == "" {
		t.Fatal("error without a text")
	}
	before := jsonOf(t, r)
	for i := range padded {
		padded[i] ^= 0x55
	}
	if after := jsonOf(t, r); !bytes.Equal(before, after) {
		t.Fatalf("record changed with its input:\n%s\n%s", before, after)
	}
	again, err2 := decode(append(make([]byte, 0, len(b)), b...))
	if !bytes.Equal(before, jsonOf(t, again)) || (err == nil) != (err2 == nil) {
		t.Fatalf("decoded twice:\n%s %v\n%s %v", before, err, jsonOf(t, again), err2)
	}
	if len(before) > 4096+64*len(b) {
		t.Fatalf("%d bytes became %d", len(b), len(before))
	}
}

func FuzzLink(f *testing.F) {
	seed(f, "link-*.hex")
	f.Fuzz(func(t *testing.T, b []byte) { check(t, b, DecodeLink) })
}

func FuzzAddr(f *testing.F) {
	seed(f, "addr.hex")
	f.Fuzz(func(t *testing.T, b []byte) { check(t, b, DecodeAddr) })
}

func FuzzRoute(f *testing.F) {
	seed(f, "route.hex")
	f.Fuzz(func(t *testing.T, b []byte) { check(t, b, DecodeRoute) })
}

func FuzzRule(f *testing.F) {
	seed(f, "rule.hex")
	f.Fuzz(func(t *testing.T, b []byte) { check(t, b, DecodeRule) })
}

func FuzzNeigh(f *testing.F) {
	seed(f, "neigh.hex")
	seed(f, "fdb.hex")
	f.Fuzz(func(t *testing.T, b []byte) { check(t, b, DecodeNeigh) })
}

func FuzzNexthop(f *testing.F) {
	seed(f, "nexthop.hex")
	f.Fuzz(func(t *testing.T, b []byte) { check(t, b, DecodeNexthop) })
}

// FuzzEvent covers the choice of decoder, bridge ports and namespace ids.
func FuzzEvent(f *testing.F) {
	for _, dir := range recordings(f) {
		for _, name := range []string{"bridgeport.hex", "nsid.hex", "link-vxlan.hex"} {
			for _, m := range readMessages(f, filepath.Join(dir, name)) {
				f.Add(m.typ, m.data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, typ uint16, b []byte) {
		check(t, b, func(b []byte) (Event, error) {
			ev, ok, err := DecodeEvent(typ, b)
			if ok && ev.Type == 0 {
				t.Fatal("event without a type")
			}
			return ev, err
		})
	})
}

// FuzzMessage cuts datagrams into messages.
func FuzzMessage(f *testing.F) {
	f.Add(appendRequest(rtmGetLink, flagRequest, 1, make([]byte, 16), linkFilter()))
	f.Fuzz(func(t *testing.T, b []byte) {
		for n := 0; len(b) > 0; n++ {
			m, rest, err := nextMessage(b)
			if err != nil {
				return
			}
			if len(rest) >= len(b) || n > len(b) {
				t.Fatal("no progress")
			}
			_ = refusal(m)
			b = rest
		}
	})
}
