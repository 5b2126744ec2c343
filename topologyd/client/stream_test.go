package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/skein-net/skein/topologyd/client"
)

// lines answers in NDJSON, as a stream with trailers when there are any.
func lines(kind, text string, trailers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Content-Type", client.NDJSON)
		h.Set("X-Skein-Kind", kind)
		h.Set("X-Skein-Revision", "42")
		if len(trailers) > 0 {
			h.Set("Trailer", "X-Skein-Limit, X-Skein-Error, ETag")
		}
		w.WriteHeader(http.StatusOK)
		io.WriteString(w, text)
		for i := 0; i+1 < len(trailers); i += 2 {
			h.Set(trailers[i], trailers[i+1])
		}
	}
}

const failedLine = `{"error":{"code":"limit","message":"stopped by its visited limit"}}` + "\n"

func TestStream(t *testing.T) {
	for name, x := range map[string]struct {
		text     string
		trailers []string
		rows     int
		code     string
		tag      string
		limit    string
	}{
		"rows":                    {"1\n2\n3\n", []string{"ETag", `W/"x"`}, 3, "", `W/"x"`, ""},
		"none":                    {"", nil, 0, "", "", ""},
		"short":                   {"1\n", nil, 1, "", "", ""},
		"a part":                  {"1\n2\n", []string{"X-Skein-Limit", "results"}, 2, "", "", "results"},
		"failed":                  {"1\n" + failedLine, []string{"X-Skein-Limit", "visited", "X-Skein-Error", "limit"}, 1, client.CodeLimit, "", "visited"},
		"failed, no trailers":     {"1\n" + failedLine, nil, 1, client.CodeLimit, "", ""},
		"looks like it":           {failedLine, []string{"ETag", `W/"x"`}, 1, "", `W/"x"`, ""},
		"looks like it, in front": {failedLine + failedLine + "1\n", []string{"ETag", `W/"x"`}, 3, "", `W/"x"`, ""},
		"a row that is a map":     {`{"error":"none"}` + "\n", nil, 1, "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := serve(t, lines("values", x.text, x.trailers...))
			s, err := c.Stream(t.Context(), client.Query{Gremlin: "G.V()"})
			if err != nil {
				t.Fatal(err)
			}
			if s.Kind != "values" || s.Revision != 42 || s.Tag() != "" || s.Limit() != "" {
				t.Errorf("%+v", s)
			}
			rows := 0
			var failed *client.Error
			for row, err := range s.Rows() {
				if err != nil {
					if !errors.As(err, &failed) {
						t.Fatal(err)
					}
					continue
				}
				if rows++; !json.Valid(row) {
					t.Errorf("%q", row)
				}
			}
			if rows != x.rows || (failed != nil) != (x.code != "") || failed != nil && (failed.Code != x.code || failed.Limit != x.limit) {
				t.Errorf("%d rows, %+v", rows, failed)
			}
			if s.Tag() != x.tag || s.Limit() != x.limit {
				t.Errorf("tag %q, limit %q", s.Tag(), s.Limit())
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestStreamRefused(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Skein-Limit", "time")
		w.WriteHeader(http.StatusRequestTimeout)
		io.WriteString(w, failedLine)
	})
	_, err := c.Stream(t.Context(), client.Query{Gremlin: "G.V()"})
	var e *client.Error
	if !errors.As(err, &e) || e.Code != client.CodeLimit || e.Limit != "time" || e.Status != 408 {
		t.Errorf("%v", err)
	}
	c = serve(t, answer("values", "[]"))
	if _, err := c.Stream(t.Context(), client.Query{Gremlin: "G"}); err == nil || !strings.Contains(err.Error(), "is this a topologyd") {
		t.Errorf("%v", err)
	}
}

// A stream ends with its reader, its context, and a server that falls silent or
// breaks off.
func TestStreamEnds(t *testing.T) {
	// A server hears of the end of a client only after its request is read.
	forever := func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", client.NDJSON)
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, "1\n"); err != nil {
				return
			}
		}
	}
	silent := func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", client.NDJSON)
		io.WriteString(w, "1\n")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}
	mute := func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}
	broken := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", client.NDJSON)
		io.WriteString(w, "1\n")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	short := func(cfg *client.Config) { cfg.Timeout = 50 * time.Millisecond }
	read := func(c *client.Client, ctx context.Context, most int) (int, error) {
		s, err := c.Stream(ctx, client.Query{Gremlin: "G.V()"})
		if err != nil {
			return 0, err
		}
		defer s.Close() //nolint:errcheck // left early
		n := 0
		for _, err := range s.Rows() {
			if err != nil {
				return n, err
			}
			if n++; n == most {
				break
			}
		}
		return n, nil
	}
	if n, err := read(serve(t, forever), t.Context(), 1000); n != 1000 || err != nil {
		t.Errorf("left: %d rows, %v", n, err)
	}
	if n, err := read(serve(t, silent, short), t.Context(), 0); n != 1 || err == nil || !strings.Contains(err.Error(), "nothing was heard") {
		t.Errorf("silent: %d rows, %v", n, err)
	}
	if _, err := read(serve(t, mute, short), t.Context(), 0); err == nil || !strings.Contains(err.Error(), "no answer within") {
		t.Errorf("mute: %v", err)
	}
	if n, err := read(serve(t, broken), t.Context(), 0); n > 1 || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("broken: %d rows, %v", n, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := read(serve(t, silent), ctx, 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("deadline: %v", err)
	}
	if n, err := read(serve(t, forever, func(cfg *client.Config) { cfg.MaxAnswer = 1000 }), t.Context(), 0); n != 500 || err == nil || !strings.Contains(err.Error(), "more than 1000 bytes") {
		t.Errorf("too much: %d rows, %v", n, err)
	}
	long := lines("values", `"`+strings.Repeat("x", 2000)+`"`+"\n")
	if n, err := read(serve(t, long, func(cfg *client.Config) { cfg.MaxAnswer = 1000 }), t.Context(), 0); n != 0 || err == nil || !strings.Contains(err.Error(), "more than 1000 bytes") {
		t.Errorf("a long row: %d rows, %v", n, err)
	}
	// Who takes his time over a row is not taken for a silent server.
	c := serve(t, lines("values", "1\n2\n"), short)
	s, err := c.Stream(t.Context(), client.Query{Gremlin: "G"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // read to its end
	for _, err := range s.Rows() {
		if err != nil {
			t.Error(err)
		}
		time.Sleep(70 * time.Millisecond) // longer than the server may be silent
	}
}

func TestUnchanged(t *testing.T) {
	const tag = `W/"p-1-a"`
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if body, _ := io.ReadAll(r.Body); strings.Contains(string(body), "Tag") {
			t.Errorf("%s", body)
		}
		w.Header().Set("ETag", tag)
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		if r.Header.Get("Accept") == client.NDJSON {
			lines("values", "1\n", "X-Skein-Limit", "")(w, r)
			return
		}
		w.Header().Set("X-Skein-Limit", "bytes")
		answer("values", "[1]")(w, r)
	})
	q := client.Query{Gremlin: "G.V()", Partial: true}
	r, err := c.Query(t.Context(), q)
	if err != nil || r.Tag != tag || r.Limit != "bytes" {
		t.Fatalf("%+v %v", r, err)
	}
	a, err := c.Ask(t.Context(), q, client.JSON)
	if err != nil || a.Tag != tag || a.Limit != "bytes" {
		t.Fatalf("%+v %v", a, err)
	}
	a.Body.Close() //nolint:errcheck,gosec // not read
	q.Tag = tag
	if _, err := c.Query(t.Context(), q); !errors.Is(err, client.ErrUnchanged) {
		t.Error(err)
	}
	if _, err := c.Ask(t.Context(), q, client.JSON); !errors.Is(err, client.ErrUnchanged) {
		t.Error(err)
	}
	if _, err := c.Stream(t.Context(), q); !errors.Is(err, client.ErrUnchanged) {
		t.Error(err)
	}
}

func TestExplain(t *testing.T) {
	text := `{"edges":21,"kind":"nodes","limit":"visited","memory":64,"ms":0.087,"nodes":22,"query":"G.V().Has('Name', 'eth7').In()","results":1,"revision":43,` +
		`"steps":[{"how":["index Name = 'eth7': 1 node"],"ms":0.035,"out":1,"step":"V().Has('Name', 'eth7')","visited":1},{"how":[],"in":1,"ms":0.5,"out":1,"step":"In()","visited":1}],"visited":4}`
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if want := `{"gremlin":"G.V()","at":"-1h","limits":{"visited":5},"explain":true}`; string(body) != want {
			t.Errorf("%s, want %s", body, want)
		}
		answer("explanation", text)(w, r)
	})
	e, err := c.Explain(t.Context(), client.Query{Gremlin: "G.V()", At: "-1h", Limits: &client.Limits{Visited: 5}})
	if err != nil {
		t.Fatal(err)
	}
	if e.Nodes != 22 || e.Edges != 21 || e.Kind != "nodes" || e.Limit != "visited" || e.Memory != 64 || e.Milliseconds != 0.087 || e.Results != 1 || e.Revision != 43 || e.Visited != 4 || len(e.Steps) != 2 || string(e.Raw) != text {
		t.Errorf("%+v", e)
	}
	if s := e.Steps[0]; s.In != nil || s.Out != 1 || s.Visited != 1 || s.Step != "V().Has('Name', 'eth7')" || fmt.Sprint(s.How) != "[index Name = 'eth7': 1 node]" {
		t.Errorf("%+v", s)
	}
	if s := e.Steps[1]; s.In == nil || *s.In != 1 || s.Milliseconds != 0.5 {
		t.Errorf("%+v", s)
	}
	c = serve(t, answer("explanation", "[]"))
	if _, err := c.Explain(t.Context(), client.Query{Gremlin: "G"}); err == nil {
		t.Error("no error")
	}
}
