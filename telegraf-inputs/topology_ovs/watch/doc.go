// Package watch follows one Open vSwitch: it keeps the connection to its
// database, finds out on this machine what the database does not say (in which
// network namespace ovs-vswitchd runs, from which address it would send), and
// tells the entities.
//
// It must never change anything, neither in the database nor on the machine, and
// never send to another host.
package watch
