// Package pidwatch tells when processes end that are no children of this one, and
// whose a process is. Where the system has no pidfd (pidfd_open(2), Linux 5.3) it
// tells no end and says so. It must never signal a process.
package pidwatch

import "errors"

// ErrUnsupported is returned where processes cannot be watched.
var ErrUnsupported = errors.New("this system has no pidfd")

// ErrTooMany is returned by Add when [Max] processes are watched already.
var ErrTooMany = errors.New("too many processes are watched")

// Max is how many processes one watcher watches: each takes a descriptor.
const Max = 4096
