package httpx

import (
	"net/http"
	"strings"
	"testing"
)

func TestAccept(t *testing.T) {
	const a, b, c = "application/json", "application/x-ndjson", "text/vnd.graphviz"
	for accept, want := range map[string]string{
		"":                      a,
		" ":                     a,
		",,":                    a,
		"*/*":                   a,
		"application/*":         a,
		"text/*":                c,
		b:                       b,
		"text/html, */*;q=0.1":  a,
		c + ";q=0.5, " + b:      b,
		"*/*, " + c:             c,
		"text/html":             "",
		b + ";q=0":              "",
		" Application/JSON ":    a,
		"nonsense;;q=x,," + b:   b,
		c + ";q=0.9," + a + ";": a,
		// What names a type more closely decides about it.
		a + ";q=0, */*":                                b,
		"*/*, " + a + ";q=0":                           b,
		"application/*;q=0, */*;q=0.1":                 c,
		"application/*;q=0.2, " + b + ";q=0.1":         a,
		"*/*;q=0.1, application/*;q=0.2":               a,
		a + ";q=0.1, " + a + ";q=0.7, " + c + ";q=0.5": a,
		// Parameters are passed over, what cannot be read is not asked for.
		a + "; charset=utf-8; q=0.4, " + c + ";Q=0.5": c,
		a + ";q=NaN, " + c + ";q=0.001":               c,
		a + ";q=-1, " + c:                             c,
		a + ";q=, " + c + ";q=1e-3":                   c,
		a + ";q=1e99, " + c:                           a,
		"*":                                           "",
		"*/json":                                      "",
		"/":                                           "",
		"application":                                 "",
		"application/":                                "",
		";q=1":                                        "",
		"\"text/csv\"":                                "",
		strings.Repeat("x/y,", 1000) + b:              b,
	} {
		r := request("GET", "/", nil)
		if accept != "" {
			r.Header.Set("Accept", accept)
		}
		if got := Accept(r, a, b, c); got != want {
			t.Errorf("%q: %q, want %q", accept, got, want)
		}
	}
	r := request("GET", "/", nil)
	r.Header["Accept"] = []string{"text/html", c}
	if got := Accept(r, a, b, c); got != c {
		t.Errorf("two lines: %q", got)
	}
}

func TestAcceptCoding(t *testing.T) {
	for accept, want := range map[string]Coding{
		"":                                 Identity,
		"gzip":                             Gzip,
		"GZIP":                             Gzip,
		"x-gzip":                           Gzip,
		"zstd":                             Zstd,
		"gzip, deflate, br, zstd":          Zstd,
		"gzip;q=1.0, zstd;q=0.5":           Gzip,
		"br, gzip;q=0.5":                   Gzip,
		"gzip;q=0":                         Identity,
		"gzip;q=0.000, zstd;q=0":           Identity,
		"gzip;q=0, *":                      Identity,
		"*":                                Gzip,
		"*;q=0":                            Identity,
		"zstd;q=0.3, *;q=0.3":              Zstd,
		"identity":                         Identity,
		"identity, gzip;q=0.5":             Identity,
		"identity;q=0.5, gzip;q=0.5":       Gzip,
		"identity;q=0, deflate":            Identity, // better than nothing
		"br, deflate":                      Identity,
		"gzip;q=x":                         Identity,
		"gzip;q=":                          Identity,
		"gzip;q=NaN":                       Identity,
		"gzip;q=-1":                        Identity,
		"gzip;q=2, zstd":                   Zstd,
		"gzip;;;":                          Gzip,
		"gzip ; q = 0.5":                   Gzip,
		";q=1,,gzip":                       Gzip,
		"gzip gzip":                        Identity,
		"gzip;q=0.1, gzip;q=0, zstd;q=0.1": Zstd,
		strings.Repeat(",", 50_000):        Identity,
	} {
		r := request("GET", "/", nil)
		if accept != "" {
			r.Header.Set("Accept-Encoding", accept)
		}
		if got := AcceptCoding(r); got != want {
			t.Errorf("%.60q: %q, want %q", accept, got, want)
		}
	}
}

// FuzzNegotiate holds what may never happen: an answer of a kind that was not
// offered, or a panic.
func FuzzNegotiate(f *testing.F) {
	f.Add("text/csv;q=0.5, */*;q=0.1", "gzip;q=0.5, zstd")
	f.Add(";;q=,\x00/*,*/", "*;q=1e400,identity;q=0")
	f.Fuzz(func(t *testing.T, accept, coding string) {
		r := &http.Request{Header: http.Header{"Accept": {accept}, "Accept-Encoding": {coding}}}
		got := Accept(r, "application/json", "text/csv")
		switch {
		case got != "" && got != "application/json" && got != "text/csv":
			t.Errorf("%q: %q", accept, got)
		case got == "" && strings.TrimLeft(accept, " \t,") == "":
			t.Errorf("%q: nothing, where nothing was asked for", accept)
		case got == "text/csv" && !strings.Contains(strings.ToLower(accept), "text/") && !strings.Contains(accept, "*/*"):
			t.Errorf("%q: %q", accept, got)
		}
		lower := strings.ToLower(coding)
		switch c := AcceptCoding(r); c {
		case Identity:
		case Gzip:
			if !strings.Contains(lower, "gzip") && !strings.Contains(lower, "*") {
				t.Errorf("%q: %q", coding, c)
			}
		case Zstd:
			if !strings.Contains(lower, "zstd") {
				t.Errorf("%q: %q", coding, c)
			}
		default:
			t.Errorf("%q: %q", coding, c)
		}
	})
}
