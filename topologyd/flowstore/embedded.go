package flowstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"
	"github.com/VictoriaMetrics/VictoriaMetrics/lib/cgroup"
	"github.com/shirou/gopsutil/v4/mem"
	"golang.org/x/sys/unix"

	"github.com/skein-net/skein/internal/flowrecord"
)

// embedded keeps rows in a directory.
type embedded struct {
	cfg Config
	log *slog.Logger

	db *logstorage.Storage
	// streams are the canonical labels of the streams. A stream for each kind of
	// rows is all there is: rows of many hosts fill a block at once, which the
	// library need not take apart again to merge it with others. Streams by host
	// made writing three times as expensive.
	streams map[string]string

	mu      sync.Mutex
	free    uint64
	checked time.Time
}

func newEmbedded(cfg Config, log *slog.Logger) *embedded {
	e := &embedded{cfg: cfg, log: log, streams: make(map[string]string)}
	for _, event := range []string{flowrecord.EventName, EventCounters, EventMinute} {
		st := logstorage.GetStreamTags()
		st.Add(fieldEvent, event)
		e.streams[event] = string(st.MarshalCanonical(nil))
		logstorage.PutStreamTags(st)
	}
	return e
}

// partitionsDir is where the library has a directory for each day.
const partitionsDir = "partitions"

func (e *embedded) start(context.Context) (err error) {
	if err := e.inspect(); err != nil {
		return err
	}
	total, err := totalMemory()
	if err != nil {
		return err
	}
	if err := tame(min(e.cfg.Memory, total/2), e.log); err != nil {
		return err
	}
	// What the library cannot open it panics about; that it also does when
	// another process has the directory.
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("open %s: %v", e.cfg.Dir, p)
		}
	}()
	retention := e.cfg.RetentionAge
	if retention == 0 {
		retention = 100 * 365 * 24 * time.Hour
	}
	e.db = logstorage.MustOpenStorage(e.cfg.Dir, &logstorage.StorageConfig{
		Retention:              retention,
		MaxDiskSpaceUsageBytes: e.cfg.RetentionBytes,
		// The library looks at every interval for rows as old as an interval, and
		// leaves those it is merging just then to the next time: three in all.
		FlushInterval:         e.cfg.FlushInterval / 3,
		FutureRetention:       48 * time.Hour, // rows a day ahead are taken, see Store.write
		MinFreeDiskSpaceBytes: e.cfg.MinFreeBytes,
	})
	return nil
}

// inspect finds what the library would stop the process for.
func (e *embedded) inspect() error {
	if err := os.MkdirAll(e.cfg.Dir, 0o750); err != nil {
		return fmt.Errorf("make directory of flows: %w", err)
	}
	if err := unix.Access(e.cfg.Dir, unix.W_OK); err != nil {
		return fmt.Errorf("directory of flows %s cannot be written: %w", e.cfg.Dir, err)
	}
	days, err := os.ReadDir(filepath.Join(e.cfg.Dir, partitionsDir))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read directory of flows: %w", err)
	}
	for _, d := range days {
		if _, err := time.Parse("20060102", d.Name()); err != nil || !d.IsDir() {
			return fmt.Errorf("%s is no flow store: %s in %s is not a day; give an empty directory", e.cfg.Dir, d.Name(), partitionsDir)
		}
	}
	return nil
}

// totalMemory returns how much memory the process may have: the library ends
// the process when it is told to use all of it.
func totalMemory() (int64, error) {
	info, err := mem.VirtualMemory()
	if err != nil {
		return 0, fmt.Errorf("read size of memory: %w", err)
	}
	total := int64(min(info.Total, math.MaxInt64))
	if limit := cgroup.GetMemoryLimit(); limit > 0 {
		total = min(total, limit)
	}
	return total, nil
}

func (e *embedded) stop() {
	e.db.MustClose()
	e.db = nil
}

// freeBytes returns the free space of the disk as of a second ago.
func (e *embedded) freeBytes() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	if time.Since(e.checked) < time.Second {
		return e.free
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(e.cfg.Dir, &fs); err != nil {
		e.log.Error("read free space of flow store", "error", err)
		return e.free
	}
	e.free, e.checked = fs.Bavail*uint64(fs.Bsize), time.Now() //nolint:gosec // a block size
	return e.free
}

func (e *embedded) full() bool { return e.freeBytes() < uint64(e.cfg.MinFreeBytes) }

// batchRows is how many rows go to the library at once.
const batchRows = 1000

func (e *embedded) write(ctx context.Context, next func() (row, bool), seal func() []row) error {
	if e.full() {
		return fmt.Errorf("%w: %d MiB free, %d MiB wanted", ErrFull, e.freeBytes()>>20, e.cfg.MinFreeBytes>>20)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	lr := logstorage.GetLogRows(nil, nil, nil, nil, "")
	defer logstorage.PutLogRows(lr)
	var ir logstorage.InsertRow
	for {
		r, ok := next()
		if ok {
			ir.StreamTagsCanonical, ir.Timestamp, ir.Fields = e.streams[r.event], r.time, r.fields
			lr.MustAddInsertRow(&ir)
		}
		if !ok || lr.RowsCount() >= batchRows || lr.NeedFlush() {
			if lr.RowsCount() > 0 {
				if seal != nil {
					for _, r := range seal() {
						ir.StreamTagsCanonical, ir.Timestamp, ir.Fields = e.streams[r.event], r.time, r.fields
						lr.MustAddInsertRow(&ir)
					}
				}
				e.db.MustAddRows(lr)
				lr.ResetKeepSettings()
			}
			if !ok {
				return nil
			}
		}
	}
}

func (e *embedded) query(ctx context.Context, text string, handle func(*block) error) error {
	q, err := logstorage.ParseQueryAtTimestamp(text, time.Now().UnixNano())
	if err != nil {
		return fmt.Errorf("parse %q: %w", text, err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var qs logstorage.QueryStats
	qctx := logstorage.NewQueryContext(ctx, &qs, []logstorage.TenantID{{}}, q, false, nil)
	err = e.db.RunQuery(qctx, func(_ uint, db *logstorage.DataBlock) {
		if ctx.Err() != nil {
			return
		}
		if err := handle(&block{columns: db.Columns, rows: db.RowsCount()}); err != nil {
			cancel(err)
		}
	})
	if err == nil {
		err = context.Cause(ctx)
	}
	return err
}

func (e *embedded) flush(context.Context) error {
	e.db.DebugFlush()
	return nil
}

func (e *embedded) stats(st *Stats) {
	var ss logstorage.StorageStats
	e.db.UpdateStats(&ss)
	st.Rows = ss.RowsCount()
	st.Pending = ss.PendingRows
	st.Volatile = ss.PendingRows + ss.InmemoryRowsCount
	st.Bytes = ss.IndexdbSizeBytes + ss.CompressedSmallPartSize + ss.CompressedBigPartSize + ss.CompressedInmemorySize
	st.FreeBytes = e.freeBytes()
	st.ReadOnly = e.full()
	if ss.MinTimestamp != math.MinInt64 && ss.MinTimestamp != math.MaxInt64 {
		st.Oldest, st.Newest = ss.MinTimestamp, ss.MaxTimestamp
	}
	for reason, n := range map[string]uint64{refusedOld: ss.RowsDroppedTooSmallTimestamp, refusedFuture: ss.RowsDroppedTooBigTimestamp} {
		if n > 0 {
			st.Refused[reason] += n
		}
	}
}
