// Package confile follows files of configuration that people change while the
// daemon runs: those of joins, of graph rules, of who may do what and of
// Alertmanagers.
//
// A file that cannot be used any more counts as its last good version until it
// can; what is wrong is told once in the log, and for as long as it lasts by
// [File.Problem]. What files say is up to whoever parses them. The package must
// never write a file, and never put what stands in one into an error or the log.
package confile
