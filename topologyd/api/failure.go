package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/gremlin"
)

// failure is a request that is answered with an error.
type failure struct {
	status int
	err    *httpx.Error
	retry  int
	// limit is the name of the limit that was met, if one was.
	limit string
}

func (f *failure) Error() string { return f.err.Message }

func fail(status int, code, format string, args ...any) *failure {
	return &failure{status: status, err: &httpx.Error{Code: code, Message: fmt.Sprintf(format, args...)}}
}

func bodyFailure(err error) *failure {
	switch {
	case errors.Is(err, httpx.ErrTooLarge):
		return fail(http.StatusRequestEntityTooLarge, httpx.CodeTooLarge, "%v", err)
	case errors.Is(err, httpx.ErrEncoding):
		return fail(http.StatusUnsupportedMediaType, httpx.CodeUnsupported, "%v", err)
	case errors.Is(err, httpx.ErrSlow):
		return fail(http.StatusRequestTimeout, httpx.CodeInvalid, "%v", err)
	default:
		return fail(http.StatusBadRequest, httpx.CodeInvalid, "%v", err)
	}
}

// queryFailure says which error of a query is whose.
func queryFailure(err error) *failure {
	var (
		f      *failure
		syntax *gremlin.SyntaxError
		eval   *gremlin.EvalError
		limit  *gremlin.LimitError
		source *gremlin.FlowError
	)
	if f = pastFailure(err); f == nil {
		f = busyFailure(err)
	}
	if f == nil && errors.As(err, &f) {
		return f // made already
	}
	switch {
	case f != nil:
	case errors.As(err, &syntax):
		f = fail(http.StatusBadRequest, httpx.CodeSyntax, "%v", err)
	case errors.As(err, &eval):
		f = fail(http.StatusUnprocessableEntity, httpx.CodeType, "%v", err)
	case errors.As(err, &limit) && limit.Limit == "time", errors.Is(err, context.DeadlineExceeded):
		f = fail(http.StatusRequestTimeout, httpx.CodeLimit, "%v", err)
		f.limit = "time"
	case errors.As(err, &limit):
		f = fail(http.StatusUnprocessableEntity, httpx.CodeLimit, "%v", err)
		f.limit = limit.Limit
	case errors.As(err, &source):
		if f = packetsOfQueryFailed(err); f == nil {
			f = flowFailure(err)
		}
	case errors.Is(err, errStopping):
		f = fail(http.StatusServiceUnavailable, httpx.CodeUnavailable, "%v; try again", err)
		f.retry = 1
	case errors.Is(err, context.Canceled):
		f = fail(http.StatusServiceUnavailable, httpx.CodeUnavailable, "the query was cancelled")
	default:
		f = fail(http.StatusInternalServerError, httpx.CodeInternal, "%v", err)
	}
	if p, ok := gremlin.PositionOf(err); ok {
		f.err.Position = &httpx.Position{Offset: p.Pos, Line: p.Line, Column: p.Column}
	}
	return f
}

// failed answers with an error and counts it.
func (a *API) failed(w http.ResponseWriter, f *failure) {
	a.n.queries.WithLabelValues(f.err.Code).Inc()
	if f.status == http.StatusRequestEntityTooLarge {
		w.Header().Set("Connection", "close")
	}
	if f.limit != "" {
		w.Header().Set(HeaderLimit, f.limit)
	}
	if f.retry > 0 {
		httpx.WriteRetry(w, f.status, f.retry, f.err)
		return
	}
	httpx.WriteError(w, f.status, f.err)
}
