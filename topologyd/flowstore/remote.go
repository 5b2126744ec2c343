package flowstore

import (
	"context"
	"errors"
	"log/slog"
)

type remote struct{}

func newRemote(Config, *slog.Logger) *remote { return &remote{} }

func (*remote) start(context.Context) error { return errors.New("not yet") }
func (*remote) stop()                       {}
func (*remote) write(context.Context, func() (row, bool)) error {
	return nil
}
func (*remote) query(context.Context, string, func(*block) error) error { return nil }
func (*remote) flush(context.Context) error                             { return nil }
func (*remote) stats(*Stats)                                            {}
