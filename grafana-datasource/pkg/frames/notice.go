package frames

import (
	"fmt"

	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// notice is something to know about a frame.
func notice(format string, args ...any) data.Notice {
	return data.Notice{Severity: data.NoticeSeverityInfo, Text: fmt.Sprintf(format, args...)}
}

// Warn puts a warning on the first of frames.
func Warn(frames data.Frames, format string, args ...any) {
	if len(frames) > 0 {
		frames[0].AppendNotices(data.Notice{Severity: data.NoticeSeverityWarning, Text: fmt.Sprintf(format, args...)})
	}
}

// Note puts something to know on the first of frames.
func Note(frames data.Frames, format string, args ...any) {
	if len(frames) > 0 {
		frames[0].AppendNotices(notice(format, args...))
	}
}

// leftOut says that only some rows are shown.
func leftOut(f *data.Frame, shown, all int, what string) {
	if all > shown {
		f.AppendNotices(data.Notice{Severity: data.NoticeSeverityWarning, Text: fmt.Sprintf(
			"The first %d of %d %s are shown, %d are left out: ask for fewer, or raise the row limit of the data source.", shown, all, what, all-shown)})
	}
}

// more says that topologyd has more than was asked for.
func more(f *data.Frame, shown int, what string) {
	f.AppendNotices(data.Notice{Severity: data.NoticeSeverityWarning, Text: fmt.Sprintf(
		"Only %d %s are shown and there are more: narrow the time range or the filter, or raise the limit.", shown, what)})
}

// table gives a frame the meta data of a table.
func table(f *data.Frame) *data.Frame {
	if f.Meta == nil {
		f.Meta = &data.FrameMeta{}
	}
	f.Meta.Type, f.Meta.TypeVersion = data.FrameTypeTable, data.FrameTypeVersion{0, 1}
	f.Meta.PreferredVisualization = data.VisTypeTable
	return f
}
