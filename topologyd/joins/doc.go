// Package joins keeps the table of joins as it is wanted: the rows that are
// built in, those of files and those that users define over the API.
//
// The table itself is part of the graph and changes by events of the log only, so
// that all replicas have the same. While a replica leads, its [Manager] compares
// the table that is wanted with the one in force and submits the difference. It
// must never change the graph in another way, and never take a row away because
// it could not read where it comes from.
package joins
