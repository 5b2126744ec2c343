// Package mapping turns records of the kernel into entity events: what a link,
// its addresses, neighbours and routes, a namespace and a host look like in
// the graph. The names of attributes are Skydive's where it has one.
//
// The package is pure: functions of their arguments, no input or output, no
// state, no clock. The same records give the same event whatever the order in
// which they came, so that a probe that starts again says nothing new.
package mapping
