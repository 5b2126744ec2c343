package httpx

import (
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Observer counts and logs requests and keeps a panic in one handler from
// ending the process.
type Observer struct {
	log      *slog.Logger
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	panics   prometheus.Counter
}

// NewObserver registers its metrics with reg.
func NewObserver(log *slog.Logger, reg prometheus.Registerer) (*Observer, error) {
	o := &Observer{
		log: log,
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "topologyd_http_requests_total", Help: "HTTP requests by endpoint and status."}, []string{"route", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "topologyd_http_request_duration_seconds", Help: "Duration of HTTP requests by endpoint, a native histogram too.",
			Buckets:                     []float64{.0005, .002, .01, .05, .2, 1, 5, 30},
			NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100, NativeHistogramMinResetDuration: time.Hour,
		}, []string{"route"}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "topologyd_panics_total", Help: "Panics of request handlers that were recovered from. Each is a bug."}),
	}
	for _, c := range []prometheus.Collector{o.requests, o.seconds, o.panics} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// Panicked logs and counts a panic that a caller recovered from.
func (o *Observer) Panicked(what string, v any) {
	o.panics.Inc()
	o.log.Error("recovered from a panic, please report it", "in", what, "panic", v, "stack", string(debug.Stack()))
}

// Route wraps the handler of a route.
func (o *Observer) Route(r Route) Route {
	next := r.Handler
	seconds := o.seconds.WithLabelValues(r.Path)
	r.Handler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		s := &status{ResponseWriter: w}
		start := time.Now()
		defer func() {
			v := recover()
			if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(v) // the one panic that net/http asks for
			}
			if v != nil {
				o.Panicked(r.Method+" "+r.Path, v)
				if s.code == 0 {
					WriteError(s, http.StatusInternalServerError, &Error{Code: CodeInternal,
						Message: "the server made a mistake; its log says which"})
				}
			}
			took := time.Since(start)
			seconds.Observe(took.Seconds())
			o.requests.WithLabelValues(r.Path, strconv.Itoa(s.code)).Inc()
			if !o.log.Enabled(req.Context(), slog.LevelDebug) {
				return // before its attributes are made
			}
			o.log.Debug("request", "method", req.Method, "path", req.URL.Path, "remote", req.RemoteAddr,
				"status", s.code, "bytes", s.bytes, "took", took)
		}()
		next.ServeHTTP(s, req)
	})
	return r
}

// status remembers what was answered.
type status struct {
	http.ResponseWriter
	code  int
	bytes int64
}

// Unwrap lets [http.ResponseController] find what is below.
func (s *status) Unwrap() http.ResponseWriter { return s.ResponseWriter }

func (s *status) WriteHeader(code int) {
	if s.code == 0 || s.code == http.StatusContinue {
		s.code = code
	}
	s.ResponseWriter.WriteHeader(code)
}

func (s *status) Write(b []byte) (int, error) {
	if s.code == 0 {
		s.code = http.StatusOK
	}
	n, err := s.ResponseWriter.Write(b)
	s.bytes += int64(n)
	return n, err
}
