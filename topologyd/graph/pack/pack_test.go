package pack

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/entity/entitytest"
)

// check packs attributes and holds everything that can be asked against them.
func check(t *testing.T, d *Dict, a entity.Attrs) string {
	t.Helper()
	data := string(d.Append(nil, a))
	require.True(t, a.Equal(d.Attrs(data)), "%s", a.AppendJSON(nil))
	require.Equal(t, len(a), d.Len(data))
	require.True(t, d.Equal(data, a))
	require.Equal(t, string(a.AppendJSON(nil)), string(d.AppendJSON(nil, data)))
	paths := []string{"", "k", ".", "no such key", "Name", "k.k"}
	for i, x := range a {
		require.True(t, x.Value.Equal(d.Get(data, x.Key)))
		paths = append(paths, x.Key, x.Key+".k")
		paths = append(paths, nested(x.Key, x.Value, 0)...)
		require.Equal(t, x.Value.IsScalar(), d.Holds(data, x.Key, x.Value))
		for _, e := range x.Value.List() {
			require.Equal(t, e.IsScalar(), d.Holds(data, x.Key, e))
		}
		other := a.With(x.Key, entity.String("some other value"))
		require.Equal(t, a.Equal(other), d.Equal(data, other))
		require.False(t, d.Equal(data, a[:i]))
	}
	for _, p := range paths {
		for stop := range 3 {
			require.Equal(t, collect(stop, p, a.Lookup), collect(stop, p, func(p string, yield func(entity.Value) bool) {
				d.Lookup(data, p, yield)
			}), "%q", p)
		}
		require.True(t, a.Get(p).Equal(d.Get(data, p)))
	}
	i := 0
	d.Each(data, func(key string, v entity.Value) bool {
		require.Equal(t, a[i].Key, key)
		require.True(t, a[i].Value.Equal(v))
		i++
		return true
	})
	require.Len(t, a, i)
	return data
}

// nested returns paths that lead into a value.
func nested(path string, v entity.Value, depth int) (out []string) {
	if depth > 3 {
		return nil
	}
	for _, x := range v.Map() {
		out = append(out, path+"."+x.Key)
		out = append(out, nested(path+"."+x.Key, x.Value, depth+1)...)
	}
	for _, e := range v.List() {
		out = append(out, nested(path, e, depth+1)...)
	}
	return out
}

// collect looks a path up, up to stop values, 0: all.
func collect(stop int, path string, lookup func(string, func(entity.Value) bool)) (out []string) {
	lookup(path, func(v entity.Value) bool {
		out = append(out, v.Kind().String()+string(v.AppendJSON(nil)))
		return len(out) != stop
	})
	return out
}

func TestRoundTrip(t *testing.T) {
	d := NewDict()
	r := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		check(t, d, entitytest.Event(r).Attributes)
	}
	for i := range 1000 {
		check(t, d, entitytest.Network(i, time.Unix(1, 0)).Attributes)
	}
}

func TestValues(t *testing.T) {
	long := string(make([]byte, 300))
	values := []entity.Value{
		entity.Bool(true), entity.Bool(false), entity.String(""), entity.String("a"), entity.String(long), entity.String(long[:63]), entity.String(long[:64]),
		entity.List(), entity.Map(nil), entity.List(entity.List(), entity.Map(nil)), entity.List(entity.List(entity.List(entity.Int(1)))),
		entity.Float(0), entity.Float(math.Copysign(0, -1)), entity.Float(1), entity.Float(-7), entity.Float(1 << 48), entity.Float(1 << 60), entity.Float(0.1), entity.Float(math.MaxFloat64),
	}
	for s := range 64 {
		for _, d := range []int64{-1, 0, 1} {
			values = append(values, entity.Int(1<<s+d), entity.Int(-(1<<s)+d))
		}
	}
	for _, s := range []string{
		"00:1b:21:3c:9d:f8", "00:1B:21:3c:9d:f8", "00:1b:21:3c:9d-f8", "00:1b:21:3c:9d:fg", "0g:1b:21:3c:9d:f8",
		"6ba7b810-9dad-11d1-80b4-00c04fd430c8", "6BA7B810-9dad-11d1-80b4-00c04fd430c8", "6ba7b810-9dad-11d1-80b4-00c04fd430cX", "6ba7b810-9dad-11d1-80b4_00c04fd430c8",
		"10.0.0.1", "255.255.255.255", "256.0.0.1", "1.2.3", "1.2.3.", "1.2.3.4.", "1.2.3.4.5", "01.2.3.4", "1.2.3.4/", "10.0.0.1/24", "10.0.0.1/024", "10.0.0.1/255", "10.0.0.1/256", "10.0.0.1/24/3", "0.0.0.0/0", "1.2.3.04",
		"1.2.3/4.5", "10..0.1", "10.0.0.1000", "1234567",
		"deadbeefdead", "deadbeefdea", "DEADBEEFDEAD", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "123456789012",
	} {
		values = append(values, entity.String(s), entity.Strings(s), entity.Strings(s, s))
	}
	for round := range 5 { // later ones are interned
		d := NewDict()
		for range round + 1 {
			for i, v := range values {
				check(t, d, entity.Attrs{entity.A("k", v), entity.A(fmt.Sprint("l", i%7), v)})
			}
		}
	}
	d := NewDict()
	require.Empty(t, d.Append(nil, nil))
	check(t, d, nil)
	require.Equal(t, []byte("x\x00\x01\x01\x01"), d.Append([]byte("x"), entity.Attrs{entity.A("k", entity.Int(1))}))
}

func TestHoldsNumbers(t *testing.T) {
	d := NewDict()
	data := string(d.Append(nil, entity.Attrs{
		entity.A("f", entity.Float(2)), entity.A("i", entity.Int(2)), entity.A("l", entity.List(entity.Int(2), entity.List(entity.Int(3)))), entity.A("s", entity.String("2")),
	}))
	for key, want := range map[string]bool{"f": true, "i": true, "l": true, "s": false, "none": false} {
		require.Equal(t, want, d.Holds(data, key, entity.Int(2)), key)
		require.Equal(t, want, d.Holds(data, key, entity.Float(2)), key)
		require.False(t, d.Holds(data, key, entity.Int(3)), key)
	}
}

// TestFull fills a dictionary: what comes later is written in place.
func TestFull(t *testing.T) {
	d := NewDict()
	for i := range maxKeys + 100 {
		d.Append(nil, entity.Attrs{entity.A(fmt.Sprint("key", i), entity.Bool(true))})
	}
	require.EqualValues(t, maxKeys, d.n)
	_, ok := d.Find(fmt.Sprint("key", maxKeys+1))
	require.False(t, ok)
	require.False(t, d.Unused(fmt.Sprint("key", maxKeys+1)), "nobody knows")
	check(t, d, entity.Attrs{entity.A("unknown key", entity.String("v")), entity.A("x", entity.Map(entity.Attrs{entity.A("y", entity.Int(1))}))})
	for i := range maxEntries {
		n, ok := d.Number(fmt.Sprint("text", i))
		require.Equal(t, i < maxEntries-maxKeys, ok)
		if ok {
			require.Equal(t, fmt.Sprint("text", i), d.Text(n))
		}
	}
	require.Empty(t, d.Text(1<<20))
	for range 5 {
		check(t, d, entity.Attrs{entity.A("key5", entity.String("text5")), entity.A("key7", entity.String("text60000")), entity.A("new key", entity.Strings("never", "seen"))})
	}
}

// TestOwner: what one owner says again and again is not interned, what several
// say is.
func TestOwner(t *testing.T) {
	d := NewDict()
	for i := range 100 {
		d.AppendOf(nil, entity.Attrs{entity.A("Name", entity.String("mine")), entity.A("MTU", entity.Int(int64(i)))}.Normalize(), 7)
	}
	_, ok := d.Find("mine")
	require.False(t, ok)
	for owner := range uint32(4) {
		d.AppendOf(nil, entity.Attrs{entity.A("Name", entity.String("ours"))}, owner+1)
	}
	_, ok = d.Find("ours")
	require.True(t, ok)
}

func TestUnused(t *testing.T) {
	d := NewDict()
	require.True(t, d.Unused("k"))
	d.Append(nil, entity.Attrs{entity.A("l", entity.Map(entity.Attrs{entity.A("k", entity.Int(1))}))})
	require.False(t, d.Unused("k"))
	require.False(t, d.Unused("l"))
	require.True(t, d.Unused("m"))
}

// TestReaders reads while one writes; it is for the race detector.
func TestReaders(t *testing.T) {
	d := NewDict()
	var wg sync.WaitGroup
	datas := make(chan string, 100)
	for range 3 {
		wg.Go(func() {
			for data := range datas {
				a := d.Attrs(data)
				d.AppendJSON(nil, data)
				for _, x := range a {
					n, ok := d.Find(x.Key)
					if ok && d.Text(n) != x.Key || !d.Get(data, x.Key).Equal(x.Value) {
						t.Error("another value")
					}
				}
			}
		})
	}
	for i := range 20_000 {
		e := entitytest.Network(i, time.Unix(1, 0))
		datas <- string(d.Append(nil, append(e.Attributes, entity.A(fmt.Sprint("x", i%5000), entity.Int(1))).Normalize()))
	}
	close(datas)
	wg.Wait()
}

// FuzzPack packs what JSON text says, in a dictionary that has seen it before
// and in one that has not.
func FuzzPack(f *testing.F) {
	f.Add(`{"a":1,"b":[1,2.0,"x"],"c":{"d":[{"e":null}]}}`, uint64(1))
	f.Add(`{"MAC":"00:1b:21:3c:9d:f8","U":"6ba7b810-9dad-11d1-80b4-00c04fd430c8","I":["10.0.0.1/24"]}`, uint64(2))
	f.Fuzz(func(t *testing.T, text string, seed uint64) {
		d := NewDict()
		v, err := entity.ParseJSON(text)
		if err == nil && v.Kind() == entity.KindMap {
			for range 4 {
				check(t, d, v.Map())
			}
		}
		r := rand.New(rand.NewPCG(seed, 0))
		for range 3 {
			check(t, d, entitytest.Event(r).Attributes)
		}
		if err == nil {
			check(t, d, entity.Attrs{entity.A("v", v), entity.A("w", entity.List(v))})
		}
	})
}

// TestWidths holds the table against what it stands for.
func TestWidths(t *testing.T) {
	require.Len(t, widths, 256)
	for h := range 256 {
		want := 1
		switch b := byte(h); {
		case b >= internedHead:
			want = 2
		case b >= shortString:
			want = 1 + h&maxShort
		case b == headWhole || b == headString || b == headHex || b == headOne || b == headList || b == headMap:
			want = 0
		default:
			if w, ok := map[byte]int{headInt8: 2, headInt16: 3, headNumber: 3, headInt32: 5, headIPv4: 5, headInt64: 9, headFloat: 9, headUUID: 17, headMAC: 7, headIPv4Len: 6}[b]; ok {
				want = w
			}
		}
		require.EqualValues(t, want, widths[h], "%#x", h)
	}
}
