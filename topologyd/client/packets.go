package client

import (
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Formats of packets.
const (
	PcapNG      = "pcapng"
	Pcap        = "pcap"
	PacketsJSON = "json"
)

// CodeForbidden is the code of an [Error] for what the server allows nobody.
const CodeForbidden = "forbidden"

// Headers of packets.
const (
	headerMissing = "X-Skein-Missing-Hosts"
	headerBroken  = "X-Skein-Broken-Hosts"
	headerPackets = "X-Skein-Packets"
	headerLost    = "X-Skein-Lost"
	headerEnd     = "X-Skein-End"
)

// Packets asks for packets that a capture keeps.
type Packets struct {
	// Node is one node, by its ID, its TID or the interface's name; "" is all.
	Node string
	// Flows are IDs of flows; none are all packets.
	Flows []string
	// From and To bound the times of packets, in the forms of times of queries.
	From, To string
	// Limit and Bytes bound the answer; 0: the server's bounds.
	Limit, Bytes int64
	// Follow goes on with packets as they are captured.
	Follow bool
	// Format is one of the formats, "" is pcapng.
	Format string
}

func (p *Packets) values() url.Values {
	v := url.Values{}
	for _, x := range []struct{ name, text string }{{"node", p.Node}, {"from", p.From}, {"to", p.To}, {"format", p.Format}} {
		if x.text != "" {
			v.Set(x.name, x.text)
		}
	}
	for _, x := range []struct {
		name string
		n    int64
	}{{"limit", p.Limit}, {"bytes", p.Bytes}} {
		if x.n > 0 {
			v.Set(x.name, strconv.FormatInt(x.n, 10))
		}
	}
	for _, f := range p.Flows {
		v.Add("flow", f)
	}
	if p.Follow {
		v.Set("follow", "1")
	}
	return v
}

// PacketStream is an answer with packets, to be read as a file. It is for one
// goroutine.
type PacketStream struct {
	// FileName is what the server calls the file.
	FileName string
	// Missing are hosts that gave no packets, by name.
	Missing []string

	c      *Client
	ctx    context.Context //nolint:containedctx // of the request whose answer this is
	cancel context.CancelCauseFunc
	resp   *http.Response
	quiet  *time.Timer // nil for one that is followed
	once   sync.Once
}

// PacketEnd is what became of an answer with packets.
type PacketEnd struct {
	// Packets is how many there were, Lost how many hosts could not keep until they
	// were fetched.
	Packets, Lost int64
	// Limit is the bound that was met: packets, bytes or time; "" is none.
	Limit string
	// Broken are hosts that gave some packets and then broke off.
	Broken []string
}

// Packets asks for the packets of a capture, by its ID. An answer that ends may
// not be silent for longer than [Config].Timeout; one that is followed may. It
// must be closed.
func (c *Client) Packets(ctx context.Context, capture string, p Packets) (*PacketStream, error) {
	path, err := definitionPath(CapturesPath, capture)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	quiet := time.AfterFunc(c.cfg.Timeout, func() { cancel(fmt.Errorf("no answer within %v", c.cfg.Timeout)) })
	req, err := c.request(ctx, http.MethodGet, c.url(path+"/packets", p.values()), "", nil)
	if err == nil {
		req.Header.Set("Accept", "application/x-pcapng, application/vnd.tcpdump.pcap, "+NDJSON)
		var resp *http.Response
		if resp, err = c.send(c.watch, req); err == nil { //nolint:bodyclose // Close does
			s := &PacketStream{c: c, ctx: ctx, cancel: cancel, resp: resp, quiet: quiet, Missing: hostNames(resp.Header.Get(headerMissing))}
			if _, params, err := mime.ParseMediaType(resp.Header.Get("Content-Disposition")); err == nil {
				s.FileName = params["filename"]
			}
			if p.Follow {
				quiet.Stop()
				s.quiet = nil
			}
			return s, nil
		}
		if cause := context.Cause(ctx); cause != nil {
			err = fmt.Errorf("ask %s: %w", c.base.Redacted(), cause)
		}
	}
	quiet.Stop()
	cancel(nil)
	return nil, err
}

// hostNames reads a list of names.
func hostNames(header string) (out []string) {
	for name := range strings.SplitSeq(header, ", ") {
		if name == "" {
			continue
		}
		if plain, err := url.PathUnescape(name); err == nil {
			name = plain
		}
		out = append(out, name)
	}
	return out
}

// Read implements [io.Reader]. An answer that the server ended early is an error
// after its last byte, an [*Error].
func (s *PacketStream) Read(b []byte) (int, error) {
	if s.quiet != nil {
		s.quiet.Reset(s.c.cfg.Timeout)
	}
	n, err := s.resp.Body.Read(b)
	if s.quiet != nil {
		s.quiet.Stop() // who takes the packets may take his time
	}
	if err == nil {
		return n, nil
	}
	if err != io.EOF { //nolint:errorlint // as an io.Reader gives it
		return n, fmt.Errorf("read packets of %s: %w", s.c.base.Redacted(), because(s.ctx, plain(err)))
	}
	if code := s.resp.Trailer.Get(headerError); code != "" {
		return n, &Error{Status: s.resp.StatusCode, Code: code, Message: s.resp.Trailer.Get(headerEnd)}
	}
	return n, io.EOF
}

// End tells what became of it; it is known when all was read.
func (s *PacketStream) End() PacketEnd {
	t := s.resp.Trailer
	number := func(name string) int64 {
		n, _ := strconv.ParseInt(t.Get(name), 10, 64) // one that is not there is 0
		return n
	}
	return PacketEnd{Packets: number(headerPackets), Lost: number(headerLost), Limit: t.Get(headerLimit), Broken: hostNames(t.Get(headerBroken))}
}

// Close ends the answer, also one that is not read to its end.
func (s *PacketStream) Close() error {
	var err error
	s.once.Do(func() {
		s.cancel(nil)
		if s.quiet != nil {
			s.quiet.Stop()
		}
		err = s.resp.Body.Close()
	})
	return err
}
