package flowstore

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"
)

// setRow makes a row of a part of a set.
func setRow(minute int64, set string, part, parts int, first, last int64, data string) row {
	return row{time: minute, event: EventMinute, fields: []logstorage.Field{
		{Name: fieldEvent, Value: EventMinute},
		{Name: fieldData, Value: data},
		{Name: fieldFirst, Value: strconv.FormatInt(first, 10)},
		{Name: fieldLast, Value: strconv.FormatInt(last, 10)},
		{Name: fieldPart, Value: strconv.Itoa(part)},
		{Name: fieldParts, Value: strconv.Itoa(parts)},
		{Name: fieldSet, Value: set},
	}}
}

// startRollups finds out which minutes have rows already, and begins to sum up.
func (s *Store) startRollups(ctx context.Context) error {
	s.rollups = nil
	if s.remote || s.cfg.MaxRollup == 0 {
		return nil
	}
	r, err := newRollups(&s.cfg, s.log, s.table)
	if err != nil {
		return err
	}
	st := Stats{Refused: make(map[string]uint64)}
	s.back.stats(&st)
	if st.Rows > 0 {
		r.oldest, r.newest = st.Oldest, st.Newest
	}
	if now := time.Now().UnixNano(); r.newest > now { // of clocks that are ahead
		where := during(now, r.newest)
		r.newest, r.ahead = now, make(map[int64]bool)
		var mu sync.Mutex
		err := s.back.query(ctx, where.String()+` | stats by (_time:1m) count() as "value"`, func(b *block) error {
			mu.Lock()
			defer mu.Unlock()
			for _, text := range b.column(fieldTime) {
				when, ok := logstorage.TryParseTimestampRFC3339Nano(text)
				if !ok {
					return fmt.Errorf("read minute %q", text)
				}
				r.ahead[minuteOf(when)] = true
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("look for rows of the future: %w", err)
		}
	}
	s.rollups = r
	return nil
}

// rollUp works until the store stops.
func (s *Store) rollUp(life context.Context) {
	defer s.work.Done()
	tick := time.NewTicker(min(time.Second, max(s.cfg.RollupGrace/4, 10*time.Millisecond)))
	defer tick.Stop()
	for {
		select {
		case <-life.Done():
			return
		case <-tick.C:
			s.rollups.work(time.Now(), false, s.writeRows)
		}
	}
}

func (s *Store) writeRows(rows []row) error {
	return s.back.write(context.Background(), func() (row, bool) {
		if len(rows) == 0 {
			return row{}, false
		}
		r := rows[0]
		rows = rows[1:]
		return r, true
	}, nil)
}

// minuteStream is a filter for the stream of rows with sums: the index leads to
// them past all others.
func minuteStream() filter {
	return filter{text: "{" + fieldEvent + "=" + quote(EventMinute) + "}", exact: true}
}

// rollupRows counts the rows with sums, 0 when that fails.
func (s *Store) rollupRows() (n uint64) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = s.back.query(ctx, minuteStream().String()+` | stats count() as "value"`, func(b *block) error {
		v, _ := parseInt(at(b.column("value"), 0))
		n = uint64(max(v, 0)) //nolint:gosec // not negative
		return nil
	})
	return n
}
