package past

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestRevisionAt compares with the changes as they were logged, before and
// after the store was opened again.
func TestRevisionAt(t *testing.T) {
	cfg := config(t)
	s, w := open(t, cfg), newWorld(3)
	w.settle = true
	w.run(t, s, 120)
	check := func() {
		for range 200 {
			at := w.moment().Truncate(time.Millisecond).Add(time.Millisecond - 1) // the model has milliseconds
			want := uint64(0)
			for i := range w.model {
				if w.model[i].log <= at.UnixMilli() {
					want = w.model[i].change.Revision
				}
			}
			got, err := s.RevisionAt(context.Background(), at)
			var old ErrTooOld
			if errors.As(err, &old) {
				require.Zero(t, want, "%v", at)
				continue
			}
			require.NoError(t, err)
			require.Equal(t, want, got, "%v", at)
		}
		got, err := s.RevisionAt(context.Background(), w.now.Add(time.Hour))
		require.NoError(t, err)
		require.Equal(t, s.Revision(), got)
	}
	check()
	require.NoError(t, s.Close())
	s = open(t, cfg)
	check()
}
