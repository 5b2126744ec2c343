package past

import (
	"context"
	"errors"
	"time"
)

// RevisionAt returns the revision of the last change that was logged at or
// before a time. The error is ErrTooOld for a time before what is kept.
func (s *Store) RevisionAt(ctx context.Context, t time.Time) (revision uint64, err error) {
	at := t.UnixNano()
	err = s.retryGone(func(l layout) error {
		revision = 0
		info, err := l.root(t.UnixMilli())
		if err != nil {
			return err
		}
		if info != nil && info.at <= at {
			revision = info.revision
		}
		for i := range l.files {
			f := &l.files[i]
			switch {
			case f.last <= revision || f.first > at:
				continue
			case f.at <= at:
				revision = f.last
				continue
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			c, err := f.load()
			if err != nil {
				return err
			}
			err = c.each(func(sum summary, _ string) error {
				if sum.at > at {
					return errFound
				}
				revision = max(revision, sum.last())
				return nil
			})
			if err != nil && !errors.Is(err, errFound) {
				return err
			}
		}
		return nil
	}, nil)
	return revision, err
}

// errFound ends a search.
var errFound = errors.New("found")
