package flowstore

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"

	"github.com/VictoriaMetrics/VictoriaMetrics/lib/logger"
)

// tamed guards what the library keeps for the whole process: it can be set up
// once only.
var tamed sync.Once

// tame has the library log to slog and keep to a bound of memory. The library
// reads its settings from the standard flag set, which must have been parsed;
// where the program parses another one, nobody has. With several stores in a
// process the first one's logger and bound are those of all.
func tame(memory int64, to *slog.Logger) (err error) {
	tamed.Do(func() {
		logger.SetOutputForTests(&logWriter{to})
		if memory > 0 {
			if err = flag.CommandLine.Set("memory.allowedBytes", strconv.FormatInt(memory, 10)); err != nil {
				err = fmt.Errorf("bound the memory of the storage library: %w", err)
				return
			}
		}
		if !flag.Parsed() {
			err = flag.CommandLine.Parse(nil)
		}
	})
	return err
}

// logWriter takes lines of the library, "time level file:line message", and
// logs them. Its information is for developers.
type logWriter struct{ log *slog.Logger }

// Write implements io.Writer.
func (w *logWriter) Write(p []byte) (int, error) {
	line := string(bytes.TrimSpace(p))
	level := slog.LevelDebug
	if parts := strings.SplitN(line, "\t", 4); len(parts) == 4 {
		switch parts[1] {
		case "warn":
			level = slog.LevelWarn
		case "error", "panic", "fatal":
			level = slog.LevelError
		}
		w.log.Log(context.Background(), level, "flow storage: "+parts[3], "at", parts[2])
	} else {
		w.log.Log(context.Background(), level, "flow storage: "+line)
	}
	return len(p), nil
}
