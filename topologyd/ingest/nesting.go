package ingest

import (
	"fmt"
	"reflect"
	"strings"

	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // the codec that is wrapped
	"google.golang.org/grpc/mem"

	"github.com/skein-net/skein/internal/entity/otlplog"
)

// nestingCodec is gRPC's codec for protobuf, which refuses messages that are
// nested deep before the decoder descends into them: its stack grows with the
// nesting, and a process whose stack is exhausted ends.
type nestingCodec struct{ encoding.CodecV2 }

func newNestingCodec() nestingCodec { return nestingCodec{encoding.GetCodecV2("proto")} }

// Unmarshal implements [encoding.CodecV2].
func (c nestingCodec) Unmarshal(data mem.BufferSlice, v any) error {
	buf := data.MaterializeToBuffer(mem.DefaultBufferPool())
	defer buf.Free()
	check := otlplog.CheckProto
	// The types of the requests are internal to pdata; their names are the
	// protocol's.
	if t := reflect.TypeOf(v); t.Kind() == reflect.Pointer && strings.Contains(t.Elem().Name(), "Metrics") {
		check = otlplog.CheckMetricsProto
	}
	if err := check(buf.ReadOnlyData()); err != nil {
		return fmt.Errorf("decode OTLP request: %w", err)
	}
	return c.CodecV2.Unmarshal(data, v)
}
