package past

import "time"

// Config says where the past is kept, and how much of it.
type Config struct {
	// Dir holds the files, and nothing else; it is made if need be.
	Dir string
	// Log is the ID of the event log that the changes come from. Open refuses the
	// files of another one. Empty: not checked.
	Log string
	// MaxAge and MaxBytes bound what is kept. Every time within MaxAge can be
	// asked about, unless MaxBytes forces older segments out before.
	MaxAge   time.Duration
	MaxBytes int64
	// A base is due after so many changes, and not before half as many changes as
	// the graph has elements; after so many bytes; and after so long when there
	// was any change.
	SegmentChanges int
	SegmentBytes   int64
	SegmentAge     time.Duration
	// FileNames is after how many elements that a file of changes names the next
	// file is begun: the writer holds the names of one, about 32 bytes each.
	FileNames int
	// RetryAfter is how long no base is due after one could not be written.
	RetryAfter time.Duration
	// CacheElements bounds the nodes and edges of the past views that are kept in
	// memory together; a view with more is not kept. An element takes about
	// 500 bytes.
	CacheElements int
	// CacheIdle is after how long without use a view is not kept any more.
	CacheIdle time.Duration
	// LargeView is from how many nodes and edges on there is only one view at a
	// time, the next is built when it is not used any more.
	LargeView int
	// MaxSlice bounds the revisions of one slice of time.
	MaxSlice int
	// Builds is how many views are built at once, Workers how many goroutines
	// build one.
	Builds, Workers int
}

// DefaultConfig returns seven days and 10 GB in a directory.
func DefaultConfig(dir string) Config {
	return Config{
		Dir: dir, MaxAge: 7 * 24 * time.Hour, MaxBytes: 10 << 30,
		SegmentChanges: 250_000, SegmentBytes: 64 << 20, SegmentAge: 24 * time.Hour, FileNames: 250_000,
		RetryAfter: 10 * time.Second, CacheElements: 1_000_000, CacheIdle: 5 * time.Minute, LargeView: 1_000_000, MaxSlice: 2_000_000,
		Builds: 2, Workers: 2,
	}
}

// withDefaults fills in what is not set.
func (c Config) withDefaults() Config {
	d := DefaultConfig(c.Dir)
	set(&c.MaxAge, d.MaxAge)
	set(&c.MaxBytes, d.MaxBytes)
	set(&c.SegmentChanges, d.SegmentChanges)
	set(&c.SegmentBytes, d.SegmentBytes)
	set(&c.SegmentAge, d.SegmentAge)
	set(&c.FileNames, d.FileNames)
	set(&c.RetryAfter, d.RetryAfter)
	set(&c.CacheIdle, d.CacheIdle)
	set(&c.LargeView, d.LargeView)
	set(&c.MaxSlice, d.MaxSlice)
	set(&c.Builds, d.Builds)
	set(&c.Workers, d.Workers)
	return c
}

func set[T int | int64 | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}
