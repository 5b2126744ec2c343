// Package source is the seam between where frames come from and what is made of
// them: [Source] is an interface's ring, a file or a stream, [Worker] is a flow
// table with its decoder. Sources are the packages below this one.
//
// A source never keeps, copies or decodes a frame for a worker, and never waits
// for one without an end: what it cannot hand on in time is lost and counted.
// This package must never import a source.
package source
