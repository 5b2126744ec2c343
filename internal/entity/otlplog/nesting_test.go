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
)

// nested returns a request whose one log record has a body of that many lists
// in one another.
func nested(levels int) []byte {
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
	for _, tag := range []byte{0x2a, 0x12, 0x12, 0x0a} { // LogRecord.body, ScopeLogs.log_records, ...
		wrap(tag)
	}
	slices.Reverse(b)
	return b
}

func TestCheckProto(t *testing.T) {
	for levels, want := range map[int]error{0: nil, 16: nil, (MaxNesting - 5) / 2: nil, MaxNesting / 2: ErrNesting, 100_000: ErrNesting, 2_000_000: ErrNesting} {
		b := nested(levels)
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

// TestCheckPasses: what is valid passes.
func TestCheckPasses(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 300 {
		req := plogotlp.NewExportRequestFromLogs(Encode([]entity.Event{entitytest.Event(r)}))
		pb, err := req.MarshalProto()
		if err != nil {
			t.Fatal(err)
		}
		js, err := req.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
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
