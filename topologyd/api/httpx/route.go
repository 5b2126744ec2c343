package httpx

import (
	"net/http"
	"slices"
	"strings"

	"github.com/skein-net/skein/topologyd/auth"
)

// Route is one endpoint.
type Route struct {
	// Method is GET, POST, PUT, DELETE or HEAD; GET answers HEAD too.
	Method string
	// Path is a pattern of [net/http.ServeMux].
	Path    string
	Handler http.Handler
	// Needs is what whoever asks has to be permitted; by default only admins are.
	Needs auth.Permission
}

// For returns the route for those who have a permission.
func (r Route) For(p auth.Permission) Route {
	r.Needs = p
	return r
}

// Get makes a route for GET and HEAD from a function.
func Get(path string, h http.HandlerFunc) Route {
	return Route{Method: http.MethodGet, Path: path, Handler: h}
}

// Post makes a route for POST from a function.
func Post(path string, h http.HandlerFunc) Route {
	return Route{Method: http.MethodPost, Path: path, Handler: h}
}

// Put makes a route for PUT from a function.
func Put(path string, h http.HandlerFunc) Route {
	return Route{Method: http.MethodPut, Path: path, Handler: h}
}

// Delete makes a route for DELETE from a function.
func Delete(path string, h http.HandlerFunc) Route {
	return Route{Method: http.MethodDelete, Path: path, Handler: h}
}

// Head makes a route for HEAD alone from a function.
func Head(path string, h http.HandlerFunc) Route {
	return Route{Method: http.MethodHead, Path: path, Handler: h}
}

// everything is the pattern of what no route matches.
const everything = "/"

// Mux serves routes; what no route matches is answered with an [Error]. What is left
// of a body that nobody wanted is passed over for a moment only: the server would wait
// for it before it sends the answer, and let whoever is refused hold a connection.
func Mux(routes []Route) http.Handler {
	mux := http.NewServeMux()
	for _, r := range routes {
		mux.Handle(r.Method+" "+r.Path, r.Handler)
	}
	mux.HandleFunc(everything, func(w http.ResponseWriter, r *http.Request) {
		if allowed := methods(mux, r); len(allowed) > 0 {
			w.Header().Set("Allow", strings.Join(allowed, ", "))
			WriteError(w, http.StatusMethodNotAllowed, &Error{Code: CodeMethod,
				Message: r.URL.Path + " takes " + strings.Join(allowed, ", ") + ", not " + r.Method})
			return
		}
		WriteError(w, http.StatusNotFound, &Error{Code: CodeNotFound,
			Message: "no endpoint " + r.URL.Path + "; GET / lists them, GET /openapi.yaml describes them"})
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mux.ServeHTTP(w, r)
		if r.Body != nil && r.Body != http.NoBody {
			abandon(http.NewResponseController(w))
		}
	})
}

// methods returns what the path of a request could be asked with.
func methods(mux *http.ServeMux, r *http.Request) []string {
	var out []string
	for _, m := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete} {
		probe := r.Clone(r.Context())
		probe.Method = m
		if _, pattern := mux.Handler(probe); pattern != everything {
			out = append(out, m)
		}
	}
	return slices.Compact(out)
}
