package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/skein-net/skein/topologyd/client"
)

// maxBody bounds the body of a call for a resource, in bytes.
const maxBody = 64 << 10

// resource answers one call. What it returns is written as JSON.
type resource func(ctx context.Context, r *http.Request, body []byte) (any, error)

// resources serves what editors look up. There is nothing that changes anything.
func (d *Datasource) resources() http.Handler {
	mux := http.NewServeMux()
	for pattern, serve := range map[string]resource{
		"POST /complete": d.complete,
		"POST /check":    d.checkText,
		"POST /variable": d.variable,
		"GET /steps":     d.steps,
		"GET /keys":      d.keys,
		"GET /values":    d.values,
		"GET /types":     d.types,
		"GET /hosts":     d.hostList,
		"GET /nodes":     d.nodes,
	} {
		mux.HandleFunc(pattern, d.serve(serve))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, http.StatusNotFound, failed{"there is no such resource"})
	})
	return mux
}

// failed is the answer to a call that failed.
type failed struct {
	Message string `json:"message"`
}

func (d *Datasource) serve(serve resource) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), d.settings.Timeout)
		defer cancel()
		var body []byte
		if r.Body != nil && r.Method == http.MethodPost {
			var err error
			body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
			var large *http.MaxBytesError
			if errors.As(err, &large) {
				writeJSON(w, http.StatusRequestEntityTooLarge, failed{fmt.Sprintf("the body is longer than %d KiB", maxBody>>10)})
				return
			} else if err != nil {
				writeJSON(w, http.StatusBadRequest, failed{"the body cannot be read"})
				return
			}
		}
		var answer any
		err := d.usable()
		if err == nil {
			answer, err = serve(ctx, r, body)
		}
		if err != nil {
			p := d.settings.explain(err)
			writeJSON(w, int(p.status), failed{p.message})
			return
		}
		writeJSON(w, http.StatusOK, answer)
	}
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		status, b = http.StatusInternalServerError, []byte(`{"message":"the answer cannot be written as JSON"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(b) // whoever asked may have gone
}

// decode reads the body of a call.
func decode(body []byte, v any) error {
	if err := json.Unmarshal(body, v); err != nil {
		return wrongQuery(fmt.Errorf("the body is not the JSON of this call: %w", err))
	}
	return nil
}

func (d *Datasource) complete(ctx context.Context, _ *http.Request, body []byte) (any, error) {
	var q client.CompleteQuery
	if err := decode(body, &q); err != nil {
		return nil, err
	}
	return d.client.Complete(ctx, q)
}

func (d *Datasource) checkText(ctx context.Context, _ *http.Request, body []byte) (any, error) {
	var q struct {
		Gremlin string `json:"gremlin"`
	}
	if err := decode(body, &q); err != nil {
		return nil, err
	}
	return d.client.Check(ctx, q.Gremlin)
}

func (d *Datasource) steps(ctx context.Context, _ *http.Request, _ []byte) (any, error) {
	return d.client.Steps(ctx)
}

// limitOf reads the parameter limit.
func limitOf(r *http.Request, usual, most int) (int, error) {
	text := r.URL.Query().Get("limit")
	if text == "" {
		return usual, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, wrongQuery(fmt.Errorf("limit %.20q: give a number from 1 to %d", text, most))
	}
	return min(n, most), nil
}
