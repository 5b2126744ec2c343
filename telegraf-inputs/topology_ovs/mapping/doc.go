// Package mapping says what the rows of an Open vSwitch's database are as
// entities: which attributes and relationships follow from them, and which
// entities a changed row has a part in.
//
// The package is pure: what it cannot read in the rows (where the daemon runs,
// which address the host would send from) it is told. It must never do input or
// output.
package mapping
