package gremlin

import (
	"context"
	"errors"
	"strconv"
)

// Streams reports whether [Limits.Partial] works for the query.
func (q *Query) Streams() bool { return q.streams() }

// streams tells whether all steps pass on what they are given bit by bit, so that
// a part of the answer is right by itself.
func (q *Query) streams() bool {
	if q.kind == KindGraph || q.holds {
		return false
	}
	for i := range q.steps {
		switch q.steps[i].name {
		case stepG, "At", "Context", "V", "E", "Has", "HasEither", "HasKey", "HasNot", "Is", "Where", "Not", "And", "Or",
			"In", "Out", "Both", "InE", "OutE", "BothE", "InV", "OutV", "BothV",
			"Descendants", "Ascendants", "Neighbors", "Repeat", "Times", "Until", "Emit", "Path",
			"Dedup", "Limit", "Range", "Values", "ValueMap", "Project", stepBy, "Flows", "Nodes", "Hops", "CaptureNode":
		default:
			return false
		}
	}
	return true
}

// Limit names the limit that broke the answer off, see [Limits.Partial]: "time",
// "visited", "memory", "results" or, once it was written, "bytes". It is "" when
// the answer is whole.
func (r *Result) Limit() string {
	if r.limit == "" && r.cut != nil && r.cut.Load() {
		return limitBytes
	}
	return r.limit
}

const limitBytes = "bytes"

// errCut ends the writing of a part of an answer.
var errCut = errors.New("the rest of the answer does not fit")

// TooLong is the error for an answer longer than so many bytes, for those who
// write what [Query.Each] gives.
func TooLong(most int) *LimitError {
	return &LimitError{limitBytes, strconv.Itoa(most) + " bytes of answer", hintFewer}
}

// LimitOf names the limit that an error of a run speaks of, "" when it is none:
// that of a *LimitError, and "time" for a context whose deadline has passed.
func LimitOf(err error) string {
	var l *LimitError
	switch {
	case errors.As(err, &l):
		return l.Limit
	case errors.Is(err, context.DeadlineExceeded):
		return "time"
	default:
		return ""
	}
}
