// Package frames makes data frames of answers of topologyd: tables, flows,
// time series, events, differences and its status. Frames of the Node graph
// panel are made by package nodegraph.
//
// The package asks nothing: it turns one answer into frames, in a size that the
// caller bounds, and says in a notice what it left out. Nothing but what the
// answer holds gets into a frame.
package frames
