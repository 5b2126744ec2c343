// Package database keeps a copy of the configuration database of an Open vSwitch
// (ovs-vswitchd.conf.db(5)), read over OVSDB (RFC 7047): it connects, lists, and
// follows changes until the connection breaks.
//
// What messages mean is libovsdb's: schema, notation, rows as Go types and their
// updates. Its client is not used. It decodes on goroutines of its own, where a
// server that sends nonsense would end the whole process, and goes on with a copy
// that may be wrong where an update cannot be applied. Here whatever is wrong with
// a message ends the connection, and nothing else.
//
// The package must never write to the database, and never look at what the rows
// mean.
package database
