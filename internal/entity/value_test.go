package entity_test

import (
	"math"
	"slices"
	"testing"
	"unsafe"

	"github.com/skein-net/skein/internal/entity"
)

// values returns values in their order; those of one inner slice are equal to
// Compare.
func values() [][]entity.Value {
	i, f, s := entity.Int, entity.Float, entity.String
	m := func(kv ...entity.Attr) entity.Value { return entity.Map(entity.Attrs(kv)) }
	return [][]entity.Value{
		{{}},
		{entity.Bool(false)},
		{entity.Bool(true)},
		{f(math.NaN())},
		{f(math.Inf(-1))},
		{f(-math.MaxFloat64)},
		{i(math.MinInt64), f(-1 << 63)},
		{i(math.MinInt64 + 1)},
		{i(-2), f(-2)},
		{f(-1.5)},
		{i(-1), f(-1)},
		{f(-math.SmallestNonzeroFloat64)},
		{i(0), f(0), f(math.Copysign(0, -1))},
		{f(0.5)},
		{i(1), f(1)},
		{i(1 << 53), f(1 << 53)},
		{i(1<<53 + 1)},
		{i(1<<53 + 2), f(1<<53 + 2)},
		{i(math.MaxInt64)},
		{f(1 << 63)},
		{f(math.Inf(1))},
		{s("")},
		{s("A")},
		{s("a")},
		{s("ab")},
		{entity.List()},
		{entity.List(entity.Bool(true))},
		{entity.List(i(1)), entity.List(f(1))},
		{entity.List(i(1), i(0))},
		{entity.List(s("a"))},
		{m()},
		{m(entity.A("a", i(1)))},
		{m(entity.A("a", i(1)), entity.A("b", i(0)))},
		{m(entity.A("a", i(2)))},
		{m(entity.A("b", i(0)))},
	}
}

// TestCompareIsATotalOrder checks every pair and every triple.
func TestCompareIsATotalOrder(t *testing.T) {
	type ranked struct {
		v    entity.Value
		rank int
	}
	var all []ranked
	for rank, vs := range values() {
		for _, v := range vs {
			all = append(all, ranked{v, rank})
		}
	}
	for _, a := range all {
		for _, b := range all {
			want := 0
			switch {
			case a.rank < b.rank:
				want = -1
			case a.rank > b.rank:
				want = 1
			}
			if got := entity.Compare(a.v, b.v); got != want {
				t.Errorf("Compare(%s %s, %s %s) = %d, want %d", a.v.Kind(), a.v.Text(), b.v.Kind(), b.v.Text(), got, want)
			}
			if a.v.Equal(b.v) && want != 0 {
				t.Errorf("%s equals %s", a.v.Text(), b.v.Text())
			}
		}
	}
}

func TestValueAccessors(t *testing.T) {
	if size := unsafe.Sizeof(entity.Value{}); size != 24 {
		t.Errorf("a value is %d bytes", size)
	}
	all := values()
	for _, v := range slices.Concat(all...) {
		if v.IsZero() != (v.Kind() == entity.KindNone) {
			t.Errorf("%s: IsZero %v", v.Kind(), v.IsZero())
		}
		// The accessors of other kinds give their zero value.
		if k := v.Kind(); k != entity.KindBool && v.Bool() || !v.IsNumber() && (v.Int() != 0 || v.Float() != 0) ||
			k != entity.KindString && v.Str() != "" || k != entity.KindList && v.List() != nil || k != entity.KindMap && v.Map() != nil {
			t.Errorf("%s: an accessor of another kind gives a value", k)
		}
	}
	if v := entity.Uint(math.MaxUint64); v.Int() != math.MaxInt64 {
		t.Errorf("Uint: %d", v.Int())
	}
	if v := entity.Float(-2.9); v.Int() != -2 {
		t.Errorf("Int of a float: %d", v.Int())
	}
	if entity.Int(1).Equal(entity.Float(1)) {
		t.Error("an integer equals a float")
	}
	if v := entity.Strings("a", "b"); v.Text() != `["a","b"]` || v.List()[1].Text() != "b" {
		t.Errorf("Strings: %s", v.Text())
	}
	if k := entity.Kind(99).String(); k != "none" {
		t.Errorf("kind %s", k)
	}
}
