// Package rawpackets keeps packets of captures in memory until somebody fetches
// them: a [Store] is what one capture keeps, the newest so many bytes, and a
// [Registry] all of them, with a bound on what they take together.
//
// Nothing is ever written to a disk, and a capture's packets are gone when it
// ends. Keeping a packet allocates nothing and waits for nobody: who fetches
// reads the ring in small pieces and loses what is overwritten meanwhile, which
// is counted. The package must never look into packets.
package rawpackets
