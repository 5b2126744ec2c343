package httpx

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func request(method, path string, body io.Reader, headers ...string) *http.Request {
	r := httptest.NewRequest(method, path, body)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

func TestMuxErrors(t *testing.T) {
	ok := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }
	h := Mux([]Route{Get("/a", ok), Post("/a", ok), Post("/b", ok), Get("/{$}", ok)})
	for _, x := range []struct {
		method, path string
		code         int
		allow, want  string
	}{
		{"GET", "/a", 204, "", ""},
		{"HEAD", "/a", 204, "", ""},
		{"POST", "/b", 204, "", ""},
		{"GET", "/b", 405, "POST", `"method"`},
		{"DELETE", "/a", 405, "GET, HEAD, POST", `"method"`},
		{"GET", "/c", 404, "", `"not_found"`},
		{"GET", "/a/b", 404, "", `"not_found"`},
		{"GET", "/", 204, "", ""},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, request(x.method, x.path, nil))
		if w.Code != x.code || w.Header().Get("Allow") != x.allow || !strings.Contains(w.Body.String(), x.want) {
			t.Errorf("%s %s: %d %v %s", x.method, x.path, w.Code, w.Header(), w.Body)
		}
		if x.code >= 400 {
			var e struct{ Error Error }
			if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || e.Error.Message == "" {
				t.Errorf("%s: %v", w.Body, err)
			}
		}
	}
}

func TestObserver(t *testing.T) {
	reg := prometheus.NewRegistry()
	var logged bytes.Buffer
	o, err := NewObserver(slog.New(slog.NewTextHandler(&logged, nil)), reg)
	if err != nil {
		t.Fatal(err)
	}
	early := o.Route(Get("/x", func(http.ResponseWriter, *http.Request) { panic("early") }))
	late := o.Route(Get("/y", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("half"))
		panic("late")
	}))
	w := httptest.NewRecorder()
	early.Handler.ServeHTTP(w, request("GET", "/x", nil))
	if w.Code != 500 || !strings.Contains(w.Body.String(), `"internal"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	w = httptest.NewRecorder()
	late.Handler.ServeHTTP(w, request("GET", "/y", nil))
	if w.Body.String() != "half" {
		t.Errorf("%s", w.Body)
	}
	if s := logged.String(); !strings.Contains(s, "early") || !strings.Contains(s, "late") || !strings.Contains(s, "httpx_test.go") {
		t.Errorf("log %q", s)
	}
	abort := o.Route(Get("/z", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the abort did not reach net/http")
			}
		}()
		abort.Handler.ServeHTTP(httptest.NewRecorder(), request("GET", "/z", nil))
	}()
	if _, err := NewObserver(slog.Default(), reg); err == nil {
		t.Error("metrics registered twice")
	}
}

func TestReadAll(t *testing.T) {
	budget := NewBudget(1 << 20)
	read := func(n int, limit int64) ([]byte, func(), error) {
		r := request("POST", "/", bytes.NewReader(make([]byte, n)))
		r.ContentLength = -1
		b, err := OpenBody(httptest.NewRecorder(), r, BodyLimits{Bytes: limit, Pause: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		return b.ReadAll(budget)
	}
	for _, n := range []int{0, 1, 16 << 10, 16<<10 + 1, 500_000} {
		data, free, err := read(n, 1<<20)
		if err != nil || len(data) != n || budget.Used() < int64(n) {
			t.Errorf("%d: %d bytes, %d accounted, %v", n, len(data), budget.Used(), err)
		}
		free()
		free()
		if budget.Used() != 0 {
			t.Errorf("%d: %d bytes left over", n, budget.Used())
		}
	}
	for _, x := range []struct {
		n     int
		limit int64
		want  error
	}{{1001, 1000, ErrTooLarge}, {2 << 20, 4 << 20, ErrBudget}} {
		_, free, err := read(x.n, x.limit)
		free()
		if !strings.Contains(err.Error(), x.want.Error()) || budget.Used() != 0 {
			t.Errorf("%d: %v, %d left over", x.n, err, budget.Used())
		}
	}
	if data, free, err := read(1000, 1000); err != nil || len(data) != 1000 {
		t.Errorf("exactly the limit: %d, %v", len(data), err)
	} else {
		free()
	}
}

func TestSlots(t *testing.T) {
	s := NewSlots(1)
	if !s.Acquire(t.Context(), time.Hour) || s.InUse() != 1 {
		t.Fatal("no slot")
	}
	if s.Acquire(t.Context(), time.Millisecond) {
		t.Error("two slots of one")
	}
	s.Release()
	if !s.Acquire(t.Context(), 0) {
		t.Error("the slot did not come back")
	}
}
