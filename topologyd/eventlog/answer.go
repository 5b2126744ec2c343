package eventlog

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// retry has a record sent again, and from it on one at a time. The lock is held.
func (p *publisher) retry(it *pending, why error) {
	if it.resolved {
		return
	}
	it.sent, it.why = time.Time{}, why
	it.again = time.Now().Add(retryEvery)
	for _, x := range p.items {
		if x.tries > 0 {
			p.careful = max(p.careful, x.number)
		}
	}
}

// lost has all that is in flight sent again: the connection ended.
func (p *publisher) lost() {
	p.mu.Lock()
	for _, it := range p.items {
		if !it.sent.IsZero() {
			p.retry(it, nats.ErrDisconnected)
		}
	}
	p.mu.Unlock()
	p.kick()
}

// fail settles all that waits, and takes nothing until resume: the log cannot
// be written.
func (p *publisher) fail(err error) {
	p.mu.Lock()
	p.refuse = err
	for _, it := range p.items {
		if !it.resolved {
			it.resolved, it.err = true, err
		}
	}
	p.mu.Unlock()
	p.kick()
}

// resume takes records again.
func (p *publisher) resume() {
	p.mu.Lock()
	p.refuse = nil
	p.mu.Unlock()
	p.kick()
}

// end settles all that waits and takes nothing more.
func (p *publisher) end() {
	p.mu.Lock()
	p.ended = true
	p.mu.Unlock()
	p.fail(ErrClosed)
	p.deliver(time.Now())
}

// reply takes the answer to one record; it is called by the connection.
func (p *publisher) reply(m *nats.Msg) {
	number, err := strconv.ParseUint(m.Subject[strings.LastIndexByte(m.Subject, '.')+1:], 36, 64)
	if err != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, it := range p.items {
		if it.number == number && !it.resolved {
			p.settle(i, m)
			break
		}
	}
	p.kick()
}

// settle notes what the log answered. The lock is held.
func (p *publisher) settle(i int, m *nats.Msg) {
	it := p.items[i]
	if len(m.Data) == 0 && m.Header.Get("Status") == "503" {
		p.retry(it, jetstream.ErrNoStreamResponse)
		return
	}
	var answer struct {
		Error *jetstream.APIError `json:"error"`
		Seq   uint64              `json:"seq"`
	}
	switch err := json.Unmarshal(m.Data, &answer); {
	case err != nil:
		p.retry(it, fmt.Errorf("read answer of event log: %w", err))
	case answer.Error != nil && passing(answer.Error):
		p.retry(it, answer.Error)
	case answer.Error != nil:
		it.resolved, it.err = true, fmt.Errorf("append to event log: %w", answer.Error)
	default:
		it.resolved, it.seq = true, answer.Seq
		for _, before := range p.items[:i] { // answers come in order: these were lost on the way
			if !before.resolved {
				before.resolved, before.err = true, fmt.Errorf("append to event log: the record was lost on the way: %w", errors.Join(ErrTimeout, before.why))
			}
		}
	}
}

// passing tells errors that another try can overcome (the codes are those of
// nats-server, errors.json).
func passing(e *jetstream.APIError) bool {
	const insufficient, storeFailed, offline, inProcess = 10023, 10077, 10118, 10158
	switch e.ErrorCode {
	case insufficient, storeFailed:
		return false
	case offline, inProcess:
		return true
	}
	return e.Code == 503 || e.Code == 429
}
