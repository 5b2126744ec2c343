// Package iptest compares what the probe of topology_host reports with what
// `ip` and `bridge` print of the same network namespaces, field by field.
//
// [Read] takes the output of the tools, [State] collects entity events,
// [Compare] lists every difference between the two: fields of links, their
// link kinds and SR-IOV functions, addresses, neighbours, FDB entries, routes,
// policy rules, nexthop objects, and the relationships between entities. Each
// field that `ip` prints of a link is compared, or is named in a table with
// the reason why it is not; each attribute of an entity is checked against
// `ip`, or is named in a table with the reason why `ip` cannot tell.
//
// The package is for tests. It never looks at the probe's own records and
// shares no code with it beyond the names of package entity, so that a mistake
// there cannot hide here.
package iptest
