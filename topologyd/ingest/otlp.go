package ingest

import (
	"context"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/entity/otlplog"
	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/engine"
)

const (
	typeProtobuf = "application/x-protobuf"
	typeJSON     = "application/json"
)

// message is what the request types of pdata have in common.
type message interface {
	UnmarshalProto([]byte) error
	UnmarshalJSON([]byte) error
}

// answerer is what their response types have in common.
type answerer interface {
	MarshalProto() ([]byte, error)
	MarshalJSON() ([]byte, error)
}

// logs takes OTLP logs over HTTP: POST /v1/logs.
func (in *Ingest) logs(w http.ResponseWriter, r *http.Request) {
	req := plogotlp.NewExportRequest()
	in.otlp(w, r, otlpRequest{
		message: req, check: otlplog.CheckProto,
		take:  func() (answerer, error) { return in.takeLogs(r.Context(), protoHTTP, req.Logs()) },
		quick: func(data []byte) (answerer, bool, error) { return in.takeFlowBytes(r.Context(), protoHTTP, data) },
	})
}

// metrics takes OTLP metrics over HTTP: POST /v1/metrics. They are counted and
// not kept: the latest values of a node come as line protocol, the series
// belong into a time-series database.
func (in *Ingest) metrics(w http.ResponseWriter, r *http.Request) {
	req := pmetricotlp.NewExportRequest()
	in.otlp(w, r, otlpRequest{message: req, check: otlplog.CheckMetricsProto, take: func() (answerer, error) {
		in.n.ignored.WithLabelValues(protoHTTP, "data_point").Add(float64(req.Metrics().DataPointCount()))
		return pmetricotlp.NewExportResponse(), nil
	}})
}

// otlpRequest is how a request is read and taken.
type otlpRequest struct {
	message message
	// check refuses protobuf that is nested too deep to be decoded.
	check func([]byte) error
	// take takes the decoded message.
	take func() (answerer, error)
	// quick, if not nil, takes protobuf that need not be decoded, or reports that
	// it is not handled.
	quick func([]byte) (resp answerer, handled bool, err error)
}

// otlp is one OTLP/HTTP request (opentelemetry-proto, docs/specification.md,
// "OTLP/HTTP"). It is answered in the encoding of the request.
func (in *Ingest) otlp(w http.ResponseWriter, r *http.Request, req otlpRequest) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != typeProtobuf && media != typeJSON {
		in.otlpRefuse(w, typeJSON, &refusal{http.StatusUnsupportedMediaType, reasonType, 0, &httpx.Error{
			Message: fmt.Sprintf("Content-Type %q is not known; send %s or %s", r.Header.Get("Content-Type"), typeProtobuf, typeJSON)}})
		return
	}
	data, free, err := in.otlpBody(w, r)
	defer free()
	if err != nil {
		in.otlpRefuse(w, media, in.refuse(err))
		return
	}
	if !in.slots.Acquire(r.Context(), in.cfg.Patience) {
		in.otlpRefuse(w, media, in.refuse(engine.ErrBusy))
		return
	}
	defer in.slots.Release()
	resp, no := in.takeOTLP(media, data, req)
	if no != nil {
		in.otlpRefuse(w, media, no)
		return
	}
	encode := resp.MarshalProto
	if media == typeJSON {
		encode = resp.MarshalJSON
	}
	b, err := encode()
	if err != nil {
		in.log.Error("cannot encode an OTLP answer", "error", err)
	}
	in.n.requests.WithLabelValues(protoHTTP, "200").Inc()
	w.Header().Set("Content-Type", media)
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	_, _ = w.Write(b)
}

// takeOTLP decodes a body and takes what it holds.
func (in *Ingest) takeOTLP(media string, data []byte, req otlpRequest) (answerer, *refusal) {
	check, decode := req.check, req.message.UnmarshalProto
	if media == typeJSON {
		check, decode = otlplog.CheckJSON, req.message.UnmarshalJSON
	} else if req.quick != nil {
		if resp, handled, err := req.quick(data); err != nil {
			return nil, in.refuse(err)
		} else if handled {
			return resp, nil
		}
	}
	err := check(data)
	if err == nil {
		err = decode(data)
	}
	if err != nil {
		return nil, &refusal{http.StatusBadRequest, reasonMalformed, 0, &httpx.Error{
			Message: fmt.Sprintf("the body is not an OTLP request in %s: %v", media, err)}}
	}
	resp, err := req.take()
	if err != nil {
		return nil, in.refuse(err)
	}
	return resp, nil
}

// otlpBody reads the whole body.
func (in *Ingest) otlpBody(w http.ResponseWriter, r *http.Request) (data []byte, free func(), err error) {
	body, err := httpx.OpenBody(w, r, in.bodyLimits())
	if err != nil {
		return nil, func() {}, err
	}
	defer body.Close()
	data, free, err = body.ReadAll(in.budget)
	in.n.bytes.WithLabelValues(protoHTTP).Add(float64(body.Received()))
	return data, free, err
}

// otlpRefuse answers with a google.rpc.Status, as OTLP wants it.
func (in *Ingest) otlpRefuse(w http.ResponseWriter, media string, no *refusal) {
	in.n.reject(protoHTTP, no.reason, 1)
	in.n.requests.WithLabelValues(protoHTTP, strconv.Itoa(no.status)).Inc()
	st := grpcstatus.New(grpcCode(no.status), no.err.Message).Proto()
	var b []byte
	var err error
	if media == typeJSON {
		b, err = protojson.Marshal(st)
	} else {
		b, err = proto.Marshal(st)
	}
	if err != nil {
		in.log.Error("cannot encode an OTLP error", "error", err)
	}
	if no.retry > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(no.retry))
	}
	if no.status == http.StatusRequestEntityTooLarge {
		w.Header().Set("Connection", "close")
	}
	w.Header().Set("Content-Type", media)
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(no.status)
	_, _ = w.Write(b)
}

// grpcCode is the gRPC code that says the same as an HTTP status.
func grpcCode(status int) codes.Code {
	switch status {
	case http.StatusTooManyRequests:
		return codes.ResourceExhausted
	case http.StatusServiceUnavailable:
		return codes.Unavailable
	case http.StatusRequestTimeout:
		return codes.DeadlineExceeded
	default:
		return codes.InvalidArgument
	}
}

// takeLogs submits the entity events and the flow records among log records.
// Invalid ones are reported as OTLP's partial success, others that are neither
// are counted and passed over.
func (in *Ingest) takeLogs(ctx context.Context, protocol string, logs plog.Logs) (plogotlp.ExportResponse, error) {
	resp := plogotlp.NewExportResponse()
	all, flows := logs.LogRecordCount(), countFlows(logs)
	var bad invalid
	ignored := 0
	if flows < all { // a request seldom has both
		n, err := in.takeEvents(ctx, protocol, logs, &bad)
		if err != nil {
			return resp, err
		}
		ignored = n - flows
	}
	switch {
	case flows > 0 && in.flows == nil:
		ignored += flows
	case flows > 0:
		if err := in.takeFlows(ctx, protocol, logs, &bad); err != nil {
			return resp, err
		}
	}
	in.n.ignored.WithLabelValues(protocol, "log_record").Add(float64(ignored))
	bad.tell(resp)
	return resp, nil
}

// invalid counts log records that were refused.
type invalid struct {
	n     int
	what  string
	first error
}

func (i *invalid) add(n int, what string, first error) {
	if n == 0 {
		return
	}
	if i.n += n; i.first == nil {
		i.what, i.first = what, first
	} else if !strings.HasSuffix(i.what, what) {
		i.what += " and " + what
	}
}

// tell reports what was refused as OTLP's partial success.
func (i *invalid) tell(resp plogotlp.ExportResponse) {
	if i.n > 0 {
		resp.PartialSuccess().SetRejectedLogRecords(int64(i.n))
		resp.PartialSuccess().SetErrorMessage(fmt.Sprintf("%d log records are not valid %s; the first: %v", i.n, i.what, i.first))
	}
}

// takeEvents submits the entity events and returns how many log records are
// none.
func (in *Ingest) takeEvents(ctx context.Context, protocol string, logs plog.Logs, bad *invalid) (ignored int, err error) {
	items := make([]engine.Item, 0, min(logs.LogRecordCount(), in.cfg.Batch))
	who, refused, why := in.claimsOf(ctx), 0, error(nil)
	var failed error
	flush := func() {
		if failed != nil || len(items) == 0 {
			return
		}
		if failed = who.mayChange(); failed != nil {
			return
		}
		size := who.sizeOf(items)
		s, err := in.sink.Submit(ctx, items)
		if err != nil {
			failed = fmt.Errorf("submit events: %w", err)
			return
		}
		who.changed(size, len(items), s)
		in.n.summary(protocol, s)
		clear(items)
		items = items[:0]
	}
	ignored, invalid, firstErr := otlplog.Decode(logs, func(e entity.Event) {
		if failed != nil {
			return
		}
		if err := who.event(&e); err != nil {
			if refused++; why == nil {
				why = err
			}
			return
		}
		items = append(items, engine.Item{Event: e})
		if len(items) >= in.cfg.Batch {
			flush()
		}
	})
	flush()
	in.n.reject(protocol, reasonInvalid, invalid)
	bad.add(invalid, "entity events", firstErr)
	if refused > 0 {
		in.foreign(&who, protocol, refused, why)
		bad.add(refused, "entity events", why)
	}
	return ignored, failed
}
