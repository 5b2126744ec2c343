package watch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/telegraf-inputs/internal/feed"
	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/database"
	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/mapping"
)

// Bridge is one bridge, for those who speak OpenFlow to it.
type Bridge struct {
	// Name is the bridge's, UUID that of its row, Database names the database as
	// [mapping.Mapper.Database] does.
	Name, UUID, Database string
	// Socket is the path of its management socket, "" when that is not known.
	Socket string
}

// Bridges is told all bridges whenever one comes or goes.
type Bridges interface{ Sync(all []Bridge) }

// Watcher is one Open vSwitch as a [feed.Source].
type Watcher struct {
	cfg     Config
	bridges Bridges

	mu   sync.Mutex
	conn *database.Conn
	meta map[string]Interface
	// listed is set once the database was listed.
	listed bool
}

// New makes a watcher of a valid configuration. bridges may be nil.
func New(cfg Config, bridges Bridges) *Watcher { return &Watcher{cfg: cfg, bridges: bridges} }

// refreshEvery is how often is looked at what the database does not say.
const refreshEvery = 10 * time.Second

// Follow implements [feed.Source].
func (w *Watcher) Follow(ctx context.Context, out *feed.Sink) error {
	conn, err := w.dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if w.listed {
		if err := w.settle(ctx, conn); err != nil {
			return err
		}
	}
	p := newPlace(&w.cfg)
	p.find()
	m, err := mapping.New(w.mapping(p), conn.Tables())
	if err != nil {
		// A database that nobody has initialized is like none.
		return feed.Absent(fmt.Errorf("follow Open vSwitch: %w", err))
	}
	f := &following{w: w, out: out, conn: conn, place: p, mapper: m}
	defer w.attach(nil)
	return f.run(ctx)
}

// dial connects. A socket that was never answered is that of an Open vSwitch that
// is not there; one that was is worth trying again soon.
func (w *Watcher) dial(ctx context.Context) (*database.Conn, error) {
	db := database.DefaultConfig()
	db.Endpoint, db.TLS = w.cfg.Endpoint, w.cfg.TLS
	conn, err := database.Dial(ctx, db)
	if err == nil {
		return conn, nil
	}
	err = fmt.Errorf("follow Open vSwitch: %w", err)
	if w.cfg.socket() != "" && !w.listed && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED)) {
		return nil, feed.Absent(err)
	}
	return nil, err
}

func (w *Watcher) mapping(p *place) mapping.Config {
	return mapping.Config{HostID: w.cfg.HostID, NetNS: p.inode, LocalIP: p.localIP}
}

// settle waits until ovs-vswitchd has said of each device what it is. The
// database keeps that in memory only, so after a restart of its server MAC
// addresses and interface indexes are missing for a moment, and entities that
// were one would part.
func (w *Watcher) settle(ctx context.Context, conn *database.Conn) error {
	limit, cancel := context.WithTimeout(ctx, w.cfg.Settle)
	defer cancel()
	for !settled(conn.Tables()) {
		if _, err := conn.Next(limit); err != nil {
			if ctx.Err() == nil && limit.Err() != nil {
				return nil // ovs-vswitchd does not run
			}
			return fmt.Errorf("follow Open vSwitch: %w", err)
		}
	}
	return nil
}

func settled(t *database.Tables) bool {
	for _, i := range t.Interfaces {
		if mapping.HasDevice(i.Type) && i.IfIndex == nil && i.Error == nil {
			return false
		}
	}
	return true
}

// following is one call of Follow.
type following struct {
	w      *Watcher
	out    *feed.Sink
	conn   *database.Conn
	place  *place
	mapper *mapping.Mapper
}

func (f *following) run(ctx context.Context) error {
	f.w.forget()
	f.tell(nil, true)
	f.w.listed = true
	f.w.attach(f.conn)
	f.out.Listed()
	looked := time.Now()
	for {
		changes, err := f.conn.Next(ctx)
		if err != nil {
			return fmt.Errorf("follow Open vSwitch: %w", err)
		}
		if err := f.mapper.Change(changes); err != nil {
			return fmt.Errorf("follow Open vSwitch: %w", err)
		}
		if time.Since(looked) >= refreshEvery || daemonChanged(changes) {
			looked = time.Now()
			moved, rerouted := f.place.find(), f.place.refresh(f.mapper.Remotes())
			if moved || rerouted {
				f.mapper.Reconfigure(f.w.mapping(f.place))
			}
		}
		f.tell(changes, false)
	}
}

// daemonChanged tells whether the version was written, which ovs-vswitchd does
// when it starts.
func daemonChanged(changes []database.Change) bool {
	for _, ch := range changes {
		if _, ok := ch.New.(*database.OpenVSwitch); ok {
			return true
		}
	}
	return false
}

// tell hands over what is different.
func (f *following) tell(changes []database.Change, all bool) {
	set, gone := f.mapper.Take()
	for _, ev := range set {
		f.out.Set(ev)
	}
	for _, ref := range gone {
		f.out.Delete(ref, "deleted")
	}
	if len(set)+len(gone) > 0 {
		f.w.remember(f.mapper, set, gone)
	}
	if f.w.bridges != nil && (all || bridgesChanged(changes)) {
		f.tellBridges()
	}
}

func bridgesChanged(changes []database.Change) bool {
	for _, ch := range changes {
		_, now := ch.New.(*database.Bridge)
		_, old := ch.Old.(*database.Bridge)
		if now != old {
			return true
		}
	}
	return false
}

func (f *following) tellBridges() {
	var out []Bridge
	for uuid, b := range f.conn.Tables().Bridges {
		x := Bridge{Name: b.Name, UUID: uuid, Database: f.mapper.Database()}
		if dir := f.w.cfg.runDir(); dir != "" {
			x.Socket = filepath.Join(dir, b.Name+".mgmt")
		}
		out = append(out, x)
	}
	f.w.bridges.Sync(out)
}

func (w *Watcher) attach(c *database.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conn = c
}

func (w *Watcher) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.meta = make(map[string]Interface)
}

// remember keeps what the counters of interfaces are told with.
func (w *Watcher) remember(m *mapping.Mapper, set []entity.Event, gone []entity.Ref) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, ev := range set {
		if ev.Type == entity.TypeOvsInterface {
			uuid := ev.ID.Get(entity.IDUUID)
			w.meta[uuid] = m.Interface(uuid)
		}
	}
	for _, ref := range gone {
		if ref.Type == entity.TypeOvsInterface {
			delete(w.meta, ref.ID.Get(entity.IDUUID))
		}
	}
}
