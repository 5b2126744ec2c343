// Package layout gives the elements of a network picture places where people
// look for them: the fabric on top, below it one block per host, in a block the
// host first, its namespaces and bridges with their interfaces under them, and
// the rest.
//
// A place, once given, is kept: of two pictures in a row, whatever is in both
// is at exactly the same point in both. No two elements of a picture overlap,
// and the result does not depend on the order of the input.
//
// The package is pure: it imports the standard library only, does no input or
// output, keeps no state, never logs and never asks for the time or for random
// numbers.
package layout
