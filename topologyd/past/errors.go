package past

import (
	"errors"
	"fmt"
	"time"
)

// ErrTooOld is returned for a time or a revision before what is kept, or
// within a stretch that was lost.
type ErrTooOld struct {
	// Oldest is the first time that can be asked about from here on.
	Oldest time.Time
	// Revision is the first revision after which all changes are kept.
	Revision uint64
}

// Error implements error.
func (e ErrTooOld) Error() string {
	return fmt.Sprintf("not kept: the past begins at %s (revision %d)", e.Oldest.UTC().Format(time.RFC3339Nano), e.Revision)
}

var (
	// ErrNewer tells that a file is of a version of the format that this daemon does not
	// know.
	ErrNewer = errors.New("written by a newer version")
	// ErrOtherLog tells that the files were made from another event log.
	ErrOtherLog = errors.New("made from another event log")
	// ErrTooLarge tells that the answer has more elements than the configuration allows.
	ErrTooLarge = errors.New("too many revisions")
	// ErrClosed tells that the store is closed.
	ErrClosed = errors.New("past is closed")

	errCorrupt = errors.New("corrupt data")
)
