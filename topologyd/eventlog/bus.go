package eventlog

import (
	"fmt"

	"github.com/nats-io/nats.go"
)

// Bus carries messages between the daemons that share a log. They are not
// stored: who does not listen just then, or is too slow, misses them. All
// methods of a nil Bus do nothing, which is what a daemon alone has.
type Bus struct {
	l    *Log
	from string
}

// fromHeader tells a daemon its own messages.
const fromHeader = "Skein-From"

// Shared returns the bus, nil for a daemon alone.
func (l *Log) Shared() *Bus {
	if l.cfg.mode() == Single {
		return nil
	}
	return &Bus{l: l, from: l.pub.prefix}
}

// Publish sends data to the others who subscribed to the subject.
func (b *Bus) Publish(subject string, data []byte) error {
	if b == nil {
		return nil
	}
	err := b.l.conn.PublishMsg(&nats.Msg{
		Subject: b.l.cfg.subject("bus." + subject), Data: data, Header: nats.Header{fromHeader: []string{b.from}},
	})
	if err != nil {
		return fmt.Errorf("publish %s: %w", subject, err)
	}
	return nil
}

// Subscribe calls fn, one at a time, for what others publish on the subject,
// until stop is called. Of what waits for fn more than 4,096 messages or 32 MB
// are dropped; dropped counts them.
func (b *Bus) Subscribe(subject string, fn func(data []byte)) (stop func(), dropped func() int, err error) {
	if b == nil {
		return func() {}, func() int { return 0 }, nil
	}
	sub, err := b.l.conn.Subscribe(b.l.cfg.subject("bus."+subject), func(m *nats.Msg) {
		if m.Header.Get(fromHeader) != b.from {
			fn(m.Data)
		}
	})
	if err == nil {
		err = sub.SetPendingLimits(4096, 32<<20)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("subscribe to %s: %w", subject, err)
	}
	stop = func() {
		if err := sub.Unsubscribe(); err != nil {
			b.l.log.Debug("unsubscribe", "subject", subject, "error", err)
		}
	}
	dropped = func() int {
		n, err := sub.Dropped()
		if err != nil {
			return 0 // it ended
		}
		return n
	}
	return stop, dropped, nil
}
