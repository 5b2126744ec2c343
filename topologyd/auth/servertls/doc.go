// Package servertls gives listeners their TLS: the certificate that they show, and
// the CAs that sign those of clients, from files that are replaced while connections
// go on.
//
// Files that do not fit together, as they do not for a moment while they are
// replaced, count as their last good versions. The package must never accept a
// client's certificate without a CA of the file, and never log a key.
package servertls
