// Package nodegraph makes the two frames of Grafana's Node graph panel from a
// picture of topologyd: what is written in and around each circle, its ring, its
// place, what its menu says and where its links lead.
//
// It knows frames and pictures and nothing else: it asks no server, reads no
// clock and logs nothing. Frames are always ones that the panel can draw: ids
// are unique, every end of an edge is a node, all places are finite, the parts of
// a ring make one.
package nodegraph
