package ingest

import (
	"bytes"
	"encoding/binary"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"
	grpcstatus "google.golang.org/grpc/status"
)

// nested returns a protobuf message in which messages are nested: the fields of
// the path, then the two of an array in an array so many times
// (opentelemetry/proto/common/v1: AnyValue.array_value = 5, ArrayValue.values = 1).
func nested(depth int, path ...byte) []byte {
	fields := slices.Clone(path)
	for range depth {
		fields = append(fields, 5, 1)
	}
	heads, size := make([][]byte, len(fields)), 0
	for i, field := range slices.Backward(fields) {
		heads[i] = binary.AppendUvarint([]byte{field<<3 | 2}, uint64(size))
		size += len(heads[i])
	}
	return bytes.Join(heads, nil)
}

var (
	// LogsData: resource_logs, scope_logs, log_records, body.
	logsPath = []byte{1, 2, 2, 5}
	// MetricsData: resource_metrics, resource, attributes, value.
	metricsPath = []byte{1, 1, 1, 2}
)

// rawCodec sends bytes as they are.
type rawCodec struct{}

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.([]byte))}, nil
}
func (rawCodec) Unmarshal(mem.BufferSlice, any) error { return nil }
func (rawCodec) Name() string                         { return "proto" }

// TestNestingIsRefused sends what would exhaust the stack of the decoder, which
// nothing in the process can recover from.
func TestNestingIsRefused(t *testing.T) {
	const deep = 1_000_000
	b := newBench(t, nil)
	for path, body := range map[string][]byte{
		"/v1/logs":    nested(deep, logsPath...),
		"/v1/metrics": nested(deep, metricsPath...),
	} {
		for media, data := range map[string][]byte{typeProtobuf: body, typeJSON: []byte(strings.Repeat(`{"a":[`, deep))} {
			resp, err := http.Post(b.server.URL+path, media, bytes.NewReader(data))
			require.NoError(t, err)
			text, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			resp.Body.Close()
			require.Equal(t, http.StatusBadRequest, resp.StatusCode, "%s %s", path, media)
			require.Contains(t, string(text), "nested more than", "%s %s", path, media)
		}
	}
	conn := dial(t, b, func(string, any) {})
	for method, body := range map[string][]byte{
		"/opentelemetry.proto.collector.logs.v1.LogsService/Export":       nested(deep/10, logsPath...),
		"/opentelemetry.proto.collector.metrics.v1.MetricsService/Export": nested(deep/10, metricsPath...),
	} {
		err := conn.Invoke(t.Context(), method, body, nil, grpc.ForceCodecV2(rawCodec{}))
		require.Equal(t, codes.Internal, grpcstatus.Code(err), method)
		require.ErrorContains(t, err, "nested more than", method)
	}
}
