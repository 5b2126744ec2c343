package flowcapture

import (
	"context"
	"log/slog"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// newSlog returns a logger for sources, which know slog, that writes to the
// Collector's.
func newSlog(log *zap.Logger) *slog.Logger { return slog.New(zapHandler{log: log}) }

// zapHandler is a [slog.Handler]. Groups are not told apart: sources use none.
type zapHandler struct {
	log *zap.Logger
}

func level(l slog.Level) zapcore.Level {
	switch {
	case l >= slog.LevelError:
		return zapcore.ErrorLevel
	case l >= slog.LevelWarn:
		return zapcore.WarnLevel
	case l >= slog.LevelInfo:
		return zapcore.InfoLevel
	default:
		return zapcore.DebugLevel
	}
}

// Enabled implements [slog.Handler].
func (h zapHandler) Enabled(_ context.Context, l slog.Level) bool {
	return h.log.Core().Enabled(level(l))
}

// Handle implements [slog.Handler].
func (h zapHandler) Handle(_ context.Context, r slog.Record) error {
	fields := make([]zap.Field, 0, r.NumAttrs())
	r.Attrs(func(a slog.Attr) bool {
		fields = append(fields, zap.Any(a.Key, a.Value.Resolve().Any()))
		return true
	})
	if e := h.log.Check(level(r.Level), r.Message); e != nil {
		e.Write(fields...)
	}
	return nil
}

// WithAttrs implements [slog.Handler].
func (h zapHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	fields := make([]zap.Field, 0, len(attrs))
	for _, a := range attrs {
		fields = append(fields, zap.Any(a.Key, a.Value.Resolve().Any()))
	}
	return zapHandler{log: h.log.With(fields...)}
}

// WithGroup implements [slog.Handler].
func (h zapHandler) WithGroup(string) slog.Handler { return h }
