package eventlog

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// What the stream says of itself. The layout changes when daemons of before
// could not use the stream any more.
const (
	metaID     = "skein.id"
	metaLayout = "skein.layout"
	layout     = 1
)

// awaitStream opens the stream, however long it takes.
func (l *Log) awaitStream(ctx context.Context) {
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		try, cancel := context.WithTimeout(ctx, l.cfg.Timeout)
		err := l.openStream(try)
		cancel()
		if err == nil {
			break
		}
		l.setProblem(fmt.Errorf("%w (%w)", err, l.missing()))
		if !sleep(ctx, wait) {
			return
		}
	}
	l.setProblem(nil)
	close(l.ready)
	l.pub.kick()
	l.log.Info("event log is ready", "id", l.ID(), "mode", string(l.cfg.mode()))
}

// missing says what a stream that cannot be opened lacks.
func (l *Log) missing() error {
	switch {
	case !l.conn.IsConnected():
		return errors.New("not connected to NATS")
	case l.cfg.mode() == Clustered:
		return fmt.Errorf("a majority of the %d daemons of the cluster must run", len(l.cfg.Cluster.Peers)+1)
	}
	return errors.New("the NATS server must have JetStream enabled for this account")
}

// openStream makes the stream when it is not there, brings its limits to what
// is configured, and learns its ID.
func (l *Log) openStream(ctx context.Context) error {
	stream, err := l.js.Stream(ctx, l.cfg.streamName())
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		c := l.streamConfig(nil)
		c.Metadata[metaID] = rand.Text()
		stream, err = l.js.CreateStream(ctx, c)
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // somebody was quicker
			stream, err = l.js.Stream(ctx, l.cfg.streamName())
		}
	}
	if err != nil {
		return fmt.Errorf("open event stream: %w", err)
	}
	have := stream.CachedInfo().Config
	if v, err := strconv.Atoi(have.Metadata[metaLayout]); err == nil && v > layout {
		return fmt.Errorf("open event stream: it has layout %d, this daemon knows up to %d; use a newer daemon", v, layout)
	}
	want := l.streamConfig(have.Metadata)
	if want.Metadata[metaID] == "" { // made before streams had one
		want.Metadata[metaID] = rand.Text()
	}
	if have.MaxAge != want.MaxAge || have.MaxBytes != want.MaxBytes || have.Replicas != want.Replicas ||
		have.Duplicates != want.Duplicates || have.MaxMsgSize != want.MaxMsgSize || have.Metadata[metaID] == "" {
		want.Compression = have.Compression
		if stream, err = l.js.UpdateStream(ctx, want); err != nil {
			return fmt.Errorf("update event stream: %w", err)
		}
	}
	if !fromLeader(stream.CachedInfo()) {
		return fmt.Errorf("open event stream: %w", errNoLeader)
	}
	id := stream.CachedInfo().Config.Metadata[metaID]
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.id != "" && l.id != id {
		return fmt.Errorf("open event stream: it is another one (ID %s) than before (%s); start the daemon again", id, l.id)
	}
	l.id = id
	return nil
}

func (l *Log) streamConfig(metadata map[string]string) jetstream.StreamConfig {
	meta := map[string]string{metaLayout: strconv.Itoa(layout)}
	maps.Copy(meta, metadata)
	return jetstream.StreamConfig{
		Name: l.cfg.streamName(), Subjects: []string{l.cfg.subject("events")}, Storage: jetstream.FileStorage,
		Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardOld,
		MaxAge: l.cfg.MaxAge, MaxBytes: l.cfg.MaxBytes, MaxMsgSize: maxMessage,
		Replicas: l.cfg.replicas(), Metadata: meta,
		// Within this time a record that is sent again is recognized.
		Duplicates: min(2*l.cfg.Timeout+time.Second, l.cfg.MaxAge),
	}
}

// info asks for the state of the stream.
func (l *Log) info(ctx context.Context) (*jetstream.StreamInfo, error) {
	if err := l.Ready(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Timeout)
	defer cancel()
	for {
		stream, err := l.js.Stream(ctx, l.cfg.streamName())
		switch {
		case err == nil && fromLeader(stream.CachedInfo()):
			return stream.CachedInfo(), nil
		case err == nil:
			err = errNoLeader
		case errors.Is(err, context.DeadlineExceeded):
			err = fmt.Errorf("%w: %w", err, l.why())
		}
		again := errors.Is(err, errNoLeader) || l.cfg.mode() == Clustered && errors.Is(err, jetstream.ErrStreamNotFound)
		if !again || !sleep(ctx, askEvery) {
			return nil, fmt.Errorf("read event log: %w", err)
		}
	}
}

var errNoLeader = errors.New("no server leads the event log at the moment")

// askEvery is the pause before a question is asked again that nobody who knows
// has answered.
const askEvery = 100 * time.Millisecond

// fromLeader tells whether what is said of a stream comes from the server that
// leads it. When there is no leader, or while a new one begins, nats-server
// (2.15, jsStreamInfoRequest) has others answer, who may hold less, or nothing
// at all after they lost their files. The one who answers leaves itself out of
// the list of replicas; so who names a leader and lists it too is not the
// leader.
func fromLeader(info *jetstream.StreamInfo) bool {
	c := info.Cluster
	if info.Config.Replicas <= 1 || c == nil {
		return true
	}
	return c.Leader != "" && len(c.Replicas) > 0 &&
		!slices.ContainsFunc(c.Replicas, func(p *jetstream.PeerInfo) bool { return p.Name == c.Leader })
}

// Bounds returns the numbers of the first and the last record that the log
// holds and the bytes they take. An empty log has first = last + 1.
func (l *Log) Bounds(ctx context.Context) (first, last, bytes uint64, err error) {
	info, err := l.info(ctx)
	if err != nil {
		return 0, 0, 0, err
	}
	s := &info.State
	if s.Msgs == 0 {
		return s.LastSeq + 1, s.LastSeq, s.Bytes, nil
	}
	return s.FirstSeq, s.LastSeq, s.Bytes, nil
}
