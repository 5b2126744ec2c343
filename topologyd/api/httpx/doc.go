// Package httpx is what every HTTP handler of topologyd shares: routes as
// data, the one form of errors, request bodies with limits, and the
// middleware that recovers from panics, counts and logs.
//
// It knows nothing of graphs, queries or events, and must never hold on to a
// request, or to memory on behalf of one, beyond the limits it was given.
package httpx
