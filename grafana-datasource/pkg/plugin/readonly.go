package plugin

import (
	"net/http"
	"slices"
	"strings"
)

// posts are the endpoints that are asked by POST, though they only read.
func posts() []string {
	return []string{"/api/v1/query", "/api/v1/topology", "/api/v1/complete", "/api/v1/check"}
}

// gets are the endpoints that are asked by GET.
func gets() []string {
	return []string{
		"/api/v1/status", "/-/ready", "/api/v1/steps", "/api/v1/diff", "/api/v1/changes", "/api/v1/watch",
		"/api/v1/flows", "/api/v1/flows/top", "/api/v1/flows/series", "/api/v1/flows/follow",
	}
}

// reads reports whether a request is one of those that the datasource makes, all
// of which only read. topologyd may be below a path of its own.
func reads(method, path string) bool {
	var allowed []string
	switch method {
	case http.MethodGet:
		allowed = gets()
	case http.MethodPost:
		allowed = posts()
	}
	return slices.ContainsFunc(allowed, func(end string) bool { return strings.HasSuffix(path, end) })
}
