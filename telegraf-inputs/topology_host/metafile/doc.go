// Package metafile takes values out of configuration files of the host, by a
// dotted selector, and keeps them up to date while the files change.
//
// Parsing ([Parse], [Select]) is pure: bytes in, values out. [Watcher] is the
// only part that touches the file system. It reads files and directories and
// never writes, runs or expands anything: what a file says about the
// environment or about other files stays text.
package metafile
