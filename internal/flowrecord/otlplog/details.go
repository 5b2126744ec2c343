package otlplog

import (
	"fmt"
	"math"

	"github.com/skein-net/skein/internal/entity"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

// budget counts the bytes of the values of one record that are maps.
type budget struct{ spent int }

func (b *budget) spend(n int) error {
	if b.spent += n + 8; b.spent > maxDetails {
		return fmt.Errorf("more than %d bytes", maxDetails)
	}
	return nil
}

// details converts a map that was not written as JSON.
func details(m pcommon.Map, depth int, b *budget) (entity.Value, error) {
	if depth > entity.MaxDepth {
		return entity.Value{}, fmt.Errorf("nested more than %d deep", entity.MaxDepth)
	}
	var a entity.Attrs
	for key, v := range m.All() {
		if err := b.spend(len(key)); err != nil {
			return entity.Value{}, err
		}
		x, err := detail(v, depth+1, b)
		if err != nil {
			return entity.Value{}, err
		}
		a = append(a, entity.A(entity.CleanText(key), x))
	}
	return entity.Map(a.Normalize()), nil
}

func detail(v pcommon.Value, depth int, b *budget) (entity.Value, error) {
	if err := b.spend(0); err != nil {
		return entity.Value{}, err
	}
	switch v.Type() {
	case pcommon.ValueTypeBool:
		return entity.Bool(v.Bool()), nil
	case pcommon.ValueTypeInt:
		return entity.Int(v.Int()), nil
	case pcommon.ValueTypeDouble:
		if f := v.Double(); !math.IsNaN(f) && !math.IsInf(f, 0) {
			return entity.Float(f), nil
		}
		return entity.Value{}, fmt.Errorf("%v is no number", v.Double())
	case pcommon.ValueTypeStr:
		return entity.String(entity.CleanText(v.Str())), b.spend(len(v.Str()))
	case pcommon.ValueTypeMap:
		return details(v.Map(), depth, b)
	case pcommon.ValueTypeSlice:
		return list(v.Slice(), depth, b)
	case pcommon.ValueTypeEmpty:
		return entity.Value{}, nil
	default:
		return entity.Value{}, fmt.Errorf("a value of type %s", v.Type())
	}
}

func list(s pcommon.Slice, depth int, b *budget) (entity.Value, error) {
	if depth > entity.MaxDepth {
		return entity.Value{}, fmt.Errorf("nested more than %d deep", entity.MaxDepth)
	}
	var vs []entity.Value
	for _, e := range s.All() {
		x, err := detail(e, depth+1, b)
		if err != nil {
			return entity.Value{}, err
		}
		if !x.IsZero() {
			vs = append(vs, x)
		}
	}
	return entity.List(vs...), nil
}
