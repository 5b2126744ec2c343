// Package client asks a topologyd over HTTP: queries, status, readiness, and
// a watch that follows the graph's changes and resumes after a break. It is
// the one package of topologyd that other components may import.
//
// It keeps nothing on disk, logs nothing and retries nothing but a watch; who
// calls it decides. All methods are safe for concurrent use and end when their
// context does.
package client
