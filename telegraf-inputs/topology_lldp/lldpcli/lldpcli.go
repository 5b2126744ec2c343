// Package lldpcli takes neighbours from a running lldpd, by its program lldpcli:
// the protocol of the socket is private to both. It watches for changes and lists
// all neighbours at each, so that a change that was missed does no harm.
//
// Time to live is lldpd's matter: a neighbour is there as long as lldpd says so.
// The package changes no setting of lldpd.
package lldpcli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"time"

	"github.com/skein-net/skein/internal/netns"
	"github.com/skein-net/skein/telegraf-inputs/internal/feed"
	"github.com/skein-net/skein/telegraf-inputs/topology_lldp/listen"
	"github.com/skein-net/skein/telegraf-inputs/topology_lldp/neighbor"
)

// Config says how lldpd is asked.
type Config struct {
	// HostID is the identity of the host.
	HostID string
	// Socket is that of lldpd, Command the program lldpcli.
	Socket, Command string
	// ProcDir tells the namespace of lldpd; RootNetNS is taken for it where it does
	// not. Empty: that of the process.
	ProcDir, RootNetNS string
	// LLDP and CDP tell which neighbours to show, ByName identifies switches by
	// their name, MaxNeighbors bounds the neighbours of one interface.
	LLDP, CDP, ByName bool
	MaxNeighbors      int
	// Refresh is how often all neighbours are listed although none changed, Settle
	// how long changes are collected before one listing, Timeout how long a listing
	// may take.
	Refresh, Settle, Timeout time.Duration
}

// DefaultConfig returns the settings that the input ships with.
func DefaultConfig() Config {
	return Config{
		Socket:       "/run/lldpd.socket",
		Command:      "lldpcli",
		ProcDir:      "/proc",
		LLDP:         true,
		CDP:          true,
		MaxNeighbors: 256,
		Refresh:      30 * time.Second,
		Settle:       50 * time.Millisecond,
		Timeout:      10 * time.Second,
	}
}

// Validate reports the first setting that cannot work.
func (c *Config) Validate() error {
	switch {
	case c.Socket == "" || c.Command == "":
		return errors.New("no socket or no program to ask lldpd with")
	case !c.LLDP && !c.CDP:
		return errors.New("no protocol to show neighbors of")
	case c.MaxNeighbors < 1:
		return fmt.Errorf("%d neighbors per interface, want at least 1", c.MaxNeighbors)
	case c.Refresh <= 0 || c.Settle < 0 || c.Timeout <= 0:
		return errors.New("a time is not positive")
	}
	return nil
}

// Source asks lldpd. It is a [feed.Source].
type Source struct {
	cfg   Config
	stats stats
	// table belongs to the goroutine of Follow.
	table *neighbor.Table
}

// New returns a source. It runs nothing.
func New(cfg Config) (*Source, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("configure lldpcli: %w", err)
	}
	return &Source{
		cfg:   cfg,
		table: neighbor.NewTable(neighbor.Config{HostID: cfg.HostID, MaxNeighbors: cfg.MaxNeighbors}),
	}, nil
}

// Stats returns what happened so far.
func (s *Source) Stats() listen.Stats { return s.stats.snapshot() }

// maxOutput bounds what is read of one listing.
const maxOutput = 64 << 20

// Follow lists the neighbours and follows their changes until lldpd ends.
func (s *Source) Follow(ctx context.Context, out *feed.Sink) error {
	ns, err := s.namespace()
	if err != nil {
		return err
	}
	defer ns.Close() //nolint:errcheck // only looked into
	ctx, cancel := context.WithCancel(ctx)
	changes, ended := make(chan struct{}, 1), make(chan error, 1)
	go func() { ended <- s.watch(ctx, changes) }()
	running := true
	s.table.Attach(out)
	defer func() {
		cancel()
		if running {
			<-ended
		}
		s.table.Attach(nil)
	}()
	refresh := time.NewTicker(s.cfg.Refresh)
	defer refresh.Stop()
	for first := true; ; first = false {
		if err := s.list(ctx, ns); err != nil {
			return err
		}
		if first {
			out.Listed()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-ended:
			running = false
			return err
		case <-refresh.C:
		case <-changes:
			wait(ctx, s.cfg.Settle)
		}
	}
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// command returns lldpcli with its arguments. It is killed with ctx.
func (s *Source) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, s.cfg.Command, append([]string{"-u", s.cfg.Socket, "-f", "json0"}, args...)...)
	cmd.WaitDelay = time.Second
	return cmd
}

// watch runs lldpcli until it ends, and tells of each change.
func (s *Source) watch(ctx context.Context, changes chan<- struct{}) error {
	cmd := s.command(ctx, "watch")
	var complaint bounded
	cmd.Stderr = &complaint
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("watch lldpd: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return absentProgram(fmt.Errorf("watch lldpd: %w", err))
	}
	// Whatever is printed means that something changed.
	buf := make([]byte, 4096)
	for {
		n, err := stdout.Read(buf)
		if n > 0 {
			select {
			case changes <- struct{}{}:
			default:
			}
		}
		if err != nil {
			break
		}
	}
	err = cmd.Wait()
	if err == nil {
		err = errors.New("it ended")
	}
	return fmt.Errorf("watch lldpd: %w: %s", err, complaint.String())
}

func absentProgram(err error) error {
	if errors.Is(err, exec.ErrNotFound) {
		return feed.Absent(err)
	}
	return err
}

// list asks for all neighbours and takes them over.
func (s *Source) list(ctx context.Context, ns *netns.NS) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	cmd := s.command(ctx, "show", "neighbors", "details")
	var complaint bounded
	cmd.Stderr = &complaint
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("list neighbors: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return absentProgram(fmt.Errorf("list neighbors: %w", err))
	}
	text, err := io.ReadAll(io.LimitReader(stdout, maxOutput))
	if werr := cmd.Wait(); err == nil && werr != nil {
		err = fmt.Errorf("%w: %s", werr, complaint.String())
	}
	if err != nil {
		return fmt.Errorf("list neighbors: %w", err)
	}
	found, err := parse(text)
	if err != nil {
		s.stats.malformed.Add(1)
		return fmt.Errorf("list neighbors: %w", err)
	}
	index, err := indexes(ns)
	if err != nil {
		return err
	}
	s.take(found, ns.ID().Inode, index)
	return nil
}

// forever is for how long a neighbour holds that lldpd knows: until it is no
// longer listed.
const forever = 100 * 365 * 24 * time.Hour

// take makes the table what was found.
func (s *Source) take(found []found, inode uint64, index map[string]int32) {
	type key struct {
		at                      neighbor.Interface
		protocol, chassis, port string
	}
	there := make(map[key]bool, len(found))
	now := time.Now()
	for i := range found {
		f := &found[i]
		n, ok := f.neighbor(s.cfg.ByName)
		at := neighbor.Interface{NetNS: inode, Index: index[f.name]}
		if !ok || at.Index == 0 || n.Protocol == neighbor.LLDP && !s.cfg.LLDP || n.Protocol == neighbor.CDP && !s.cfg.CDP {
			s.stats.ignored.Add(1)
			continue
		}
		n.Hold = forever
		there[key{at, n.Protocol, n.Chassis, n.Port}] = true
		s.table.Heard(at, &n, now)
	}
	s.table.Keep(func(at neighbor.Interface, protocol, chassis, port string) bool {
		return there[key{at, protocol, chassis, port}]
	}, "lldpd no longer knows it")
	s.table.Flush()
	s.stats.update(s.table)
}

// bounded keeps the begin of what a program complains about.
type bounded struct{ b bytes.Buffer }

// Write implements [io.Writer]; it never fails.
func (w *bounded) Write(p []byte) (int, error) {
	if room := 1000 - w.b.Len(); room > 0 {
		w.b.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

func (w *bounded) String() string { return string(bytes.TrimSpace(w.b.Bytes())) }

// parse decodes a listing in the form json0, in which every element is a list.
func parse(text []byte) ([]found, error) {
	var doc struct {
		LLDP []struct {
			Interface []jsonInterface `json:"interface"`
		} `json:"lldp"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("parse the answer of lldpcli: %w", err)
	}
	var out []found
	for _, l := range doc.LLDP {
		for i := range l.Interface {
			out = append(out, found{name: l.Interface[i].Name, json: &l.Interface[i]})
		}
	}
	return out, nil
}
