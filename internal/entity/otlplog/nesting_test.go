package otlplog

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/entity/entitytest"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
)

// nested returns a request in which the path of tags (outermost first) leads
// to that many lists in one another.
func nested(levels int, path ...byte) []byte {
	b := []byte{} // reversed: the innermost first
	wrap := func(tag byte) {
		length := binary.AppendUvarint(nil, uint64(len(b)))
		slices.Reverse(length)
		b = append(append(b, length...), tag)
	}
	for range levels {
		wrap(0x0a) // ArrayValue.values
		wrap(0x2a) // AnyValue.array_value
	}
	for _, tag := range slices.Backward(path) {
		wrap(tag)
	}
	slices.Reverse(b)
	return b
}

// body is the path to the body of a log record.
func body() []byte { return []byte{tag(1), tag(2), tag(2), tag(5)} }

// tag is that of a length-delimited field.
func tag(number byte) byte { return number<<3 | 2 }

func TestCheckProto(t *testing.T) {
	for levels, want := range map[int]error{0: nil, 16: nil, (MaxNesting - 5) / 2: nil, MaxNesting / 2: ErrNesting, 100_000: ErrNesting, 2_000_000: ErrNesting} {
		b := nested(levels, body()...)
		if err := CheckProto(b); !errors.Is(err, want) {
			t.Errorf("%d levels: %v", levels, err)
		}
		if want != nil {
			continue
		}
		req := plogotlp.NewExportRequest()
		if err := req.UnmarshalProto(b); err != nil || req.Logs().LogRecordCount() != 1 {
			t.Errorf("the test is wrong: %d levels: %v", levels, err)
		}
	}
	for _, bad := range []string{"\x80", "\x0a", "\x0a\x05", "\x0a\x01\x80", "\x0b", "\x09\x00", "\x0d\x00", "\x08", "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"} {
		if err := CheckProto([]byte(bad)); !errors.Is(err, errProto) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestCheckJSON(t *testing.T) {
	for s, want := range map[string]error{
		"": nil, `[{"a":["]]"]}]`: nil, `"\"[`: nil,
		strings.Repeat("[", MaxNesting):                                    nil,
		strings.Repeat("[", MaxNesting+1):                                  ErrNesting,
		strings.Repeat("[]", 10*MaxNesting):                                nil,
		`"` + strings.Repeat("[", MaxNesting+1) + `"`:                      nil,
		`"\\"` + strings.Repeat("{", MaxNesting+1):                         ErrNesting,
		`"` + strings.Repeat(`\"`, 10) + strings.Repeat("[", 2*MaxNesting): nil,
	} {
		if err := CheckJSON([]byte(s)); !errors.Is(err, want) {
			t.Errorf("%.30s: %v", s, err)
		}
	}
}

// TestCheckEveryWay: every place of OTLP that holds an AnyValue is followed.
func TestCheckEveryWay(t *testing.T) {
	value := byte(2) // KeyValue.value
	for _, p := range [][]byte{{1, 1, value}, {2, 1, 3, value}, {2, 2, 5}, {2, 2, 6, value}} {
		checkPath(t, CheckProto, append([]byte{1}, p...), func(b []byte) error { return plogotlp.NewExportRequest().UnmarshalProto(b) })
	}
	for _, p := range [][]byte{
		{1, 1, value}, {2, 1, 3, value}, {2, 2, 12, value},
		{2, 2, 5, 1, 7, value}, {2, 2, 7, 1, 7, value}, {2, 2, 9, 1, 9, value}, {2, 2, 10, 1, 1, value}, {2, 2, 11, 1, 7, value},
		{2, 2, 5, 1, 5, 7, value}, {2, 2, 7, 1, 5, 7, value}, {2, 2, 9, 1, 8, 7, value}, {2, 2, 10, 1, 11, 7, value},
	} {
		checkPath(t, CheckMetricsProto, append([]byte{1}, p...), func(b []byte) error { return pmetricotlp.NewExportRequest().UnmarshalProto(b) })
	}
}

// checkPath checks that the path leads to an AnyValue: pdata, which knows,
// reads lists there and refuses what is no list; and that check follows it.
func checkPath(t *testing.T, check func([]byte) error, path []byte, unmarshal func([]byte) error) {
	t.Helper()
	tags := make([]byte, len(path))
	for i, n := range path {
		tags[i] = tag(n)
	}
	if err := errors.Join(check(nested(10, tags...)), unmarshal(nested(10, tags...))); err != nil {
		t.Errorf("%v: %v", path, err)
	}
	if unmarshal(nested(0, append(tags, tag(5), tag(1), tag(5), tag(1), tag(5)-2)...)) == nil {
		t.Errorf("%v is not the path to a value", path)
	}
	if err := check(nested(MaxNesting, tags...)); !errors.Is(err, ErrNesting) {
		t.Errorf("%v: %v", path, err)
	}
}

// TestCheckPasses: what is valid passes.
func TestCheckPasses(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 300 {
		req := plogotlp.NewExportRequestFromLogs(Encode([]entity.Event{entitytest.Event(r)}))
		pb, js := encodings(t, req)
		if err := errors.Join(CheckProto(pb), CheckJSON(js)); err != nil {
			t.Fatal(err)
		}
	}
}

func BenchmarkCheckProto(b *testing.B) {
	pb, err := plogotlp.NewExportRequestFromLogs(Encode(benchEvents())).MarshalProto()
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(pb)))
	for b.Loop() {
		if err := CheckProto(pb); err != nil {
			b.Fatal(err)
		}
	}
}
