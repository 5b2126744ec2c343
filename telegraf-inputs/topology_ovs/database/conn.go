package database

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/ovn-org/libovsdb/model"
	"github.com/ovn-org/libovsdb/ovsdb"
)

// Config says where the database is.
type Config struct {
	// Endpoint is unix:PATH, tcp:HOST:PORT or ssl:HOST:PORT (ovsdb(7)).
	Endpoint string
	// TLS is for ssl.
	TLS *tls.Config
	// Timeout bounds the connection, the listing and each question to the server.
	Timeout time.Duration
	// Probe is how often a server that says nothing is asked whether it is there.
	Probe time.Duration
	// Gather is how long changes are collected, so that one transaction, or a burst
	// of them, is told as a whole.
	Gather time.Duration
}

// DefaultConfig returns the settings for the usual socket.
func DefaultConfig() Config {
	return Config{
		Endpoint: "unix:/var/run/openvswitch/db.sock",
		Timeout:  15 * time.Second, Probe: 10 * time.Second, Gather: 5 * time.Millisecond,
	}
}

// ErrClosed tells that the server ended the connection, or [Conn.Close] did.
var ErrClosed = errors.New("the connection to the database was closed")

// Conn is a connection with a copy of the database. Next and Tables are for one
// goroutine, the other methods for any.
type Conn struct {
	cfg     Config
	rpc     *rpc
	adapter *adapter
	db      model.DatabaseModel
	tables  *Tables
	// models are the rows as the library has them, which its updates build upon.
	models map[key]model.Model
}

// key names a row.
type key struct{ table, uuid string }

// Dial connects and lists.
func Dial(ctx context.Context, cfg Config) (*Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, cfg.Timeout)
	defer cancel()
	conn, err := connect(ctx, &cfg)
	if err != nil {
		return nil, fmt.Errorf("connect to database: %w", err)
	}
	c := &Conn{cfg: cfg, rpc: newRPC(conn, cfg.Timeout), tables: NewTables(), models: make(map[key]model.Model)}
	if err := c.begin(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func connect(ctx context.Context, cfg *Config) (net.Conn, error) {
	scheme, address, _ := strings.Cut(cfg.Endpoint, ":")
	switch scheme {
	case "unix", "tcp":
		return new(net.Dialer).DialContext(ctx, scheme, address) //nolint:wrapcheck // Dial does
	case "ssl":
		return (&tls.Dialer{Config: cfg.TLS}).DialContext(ctx, "tcp", address) //nolint:wrapcheck // Dial does
	}
	return nil, fmt.Errorf("endpoint %q: want one that begins with unix:, tcp: or ssl", cfg.Endpoint)
}

// begin finds out what the server has, and copies it.
func (c *Conn) begin(ctx context.Context) error {
	var schema ovsdb.DatabaseSchema
	if err := c.rpc.call(ctx, "get_schema", ovsdb.NewGetSchemaArgs(databaseName), &schema); err != nil {
		return fmt.Errorf("read schema of database: %w", err)
	}
	if err := c.adopt(schema); err != nil {
		return err
	}
	requests := make(map[string]ovsdb.MonitorRequest, len(c.adapter.columns))
	for table, columns := range c.adapter.columns {
		requests[table] = ovsdb.MonitorRequest{Columns: columns, Select: ovsdb.NewDefaultMonitorSelect()}
	}
	args := ovsdb.NewMonitorArgs(databaseName, nil, requests)
	var rows ovsdb.TableUpdates2
	err := c.rpc.call(ctx, ovsdb.ConditionalMonitorRPC, args, &rows)
	if errors.Is(err, errUnknownMethod) { // before Open vSwitch 2.6
		var plain ovsdb.TableUpdates
		err = c.rpc.call(ctx, ovsdb.MonitorRPC, args, &plain)
		rows = whole(plain)
	}
	if err != nil {
		return fmt.Errorf("list database: %w", err)
	}
	return c.apply(rows, make(map[key]Row))
}

// adopt fits the types of rows to a schema.
func (c *Conn) adopt(schema ovsdb.DatabaseSchema) (err error) {
	defer recoverNonsense(&err)
	if c.adapter, err = adapt(&schema); err != nil {
		return err
	}
	db, errs := model.NewDatabaseModel(schema, c.adapter.model)
	if len(errs) > 0 {
		return fmt.Errorf("fit to schema of database: %w", errors.Join(errs...))
	}
	c.db = db
	return nil
}

// Tables returns the copy as of Dial, or of the last Next.
func (c *Conn) Tables() *Tables { return c.tables }

// Next waits until something changed and brings the copy up to date. It returns
// what is different, which may be nothing, and is nothing when a server that was
// silent for [Config.Probe] gave a sign. An error tells that the connection is of
// no more use.
func (c *Conn) Next(ctx context.Context) ([]Change, error) {
	probe := time.NewTimer(c.cfg.Probe)
	defer probe.Stop()
	select {
	case <-ctx.Done():
		return nil, fmt.Errorf("follow database: %w", ctx.Err())
	case <-probe.C:
		return nil, c.probe()
	case m, ok := <-c.rpc.notes:
		if !ok {
			return nil, c.rpc.failure()
		}
		return c.gather(ctx, m)
	}
}

// probe asks a silent server for a sign, and fails when it gave none the last
// times.
func (c *Conn) probe() error {
	silent := time.Since(time.Unix(0, c.rpc.heard.Load()))
	if silent > 2*c.cfg.Probe+c.cfg.Timeout {
		return fmt.Errorf("the database has said nothing for %v", silent.Round(time.Second))
	}
	return c.rpc.echo()
}

// gather applies a notification, and those that come soon after it.
func (c *Conn) gather(ctx context.Context, m message) ([]Change, error) {
	before := make(map[key]Row)
	pause := time.NewTimer(c.cfg.Gather)
	defer pause.Stop()
	for {
		rows, err := notified(m)
		if err != nil {
			return nil, err
		}
		if err := c.apply(rows, before); err != nil {
			return nil, err
		}
		var ok bool
		select {
		case <-ctx.Done():
			return c.changes(before), nil
		case <-pause.C:
			return c.changes(before), nil
		case m, ok = <-c.rpc.notes:
			if !ok {
				return c.changes(before), nil // the next call tells why
			}
		}
	}
}

// notified reads an update notification: RFC 7047, 4.1.6, or ovsdb-server(7),
// update2. Others say nothing about rows.
func notified(m message) (rows ovsdb.TableUpdates2, err error) {
	if m.Method != "update" && m.Method != "update2" {
		return nil, nil
	}
	var params []json.RawMessage
	if err := decode(m.Params, &params); err != nil {
		return nil, err
	}
	if len(params) != 2 {
		return nil, fmt.Errorf("%w: %s with %d parameters", errNonsense, m.Method, len(params))
	}
	if m.Method == "update2" {
		err = decode(params[1], &rows)
		return rows, err
	}
	var plain ovsdb.TableUpdates
	err = decode(params[1], &plain)
	return whole(plain), err
}

// whole writes updates that hold whole rows as updates of the newer kind.
func whole(plain ovsdb.TableUpdates) ovsdb.TableUpdates2 {
	out := make(ovsdb.TableUpdates2, len(plain))
	for table, rows := range plain {
		out[table] = make(ovsdb.TableUpdate2, len(rows))
		for uuid, u := range rows {
			if u == nil {
				u = &ovsdb.RowUpdate{}
			}
			out[table][uuid] = &ovsdb.RowUpdate2{Insert: u.New, Delete: u.Old}
		}
	}
	return out
}

// changes compares the rows that were touched with what they were.
func (c *Conn) changes(before map[key]Row) (out []Change) {
	for k, old := range before {
		now := c.adapter.tables[k.table].get(c.tables, k.uuid)
		if !reflect.DeepEqual(old, now) {
			out = append(out, Change{UUID: k.uuid, Old: old, New: now})
		}
	}
	slices.SortFunc(out, func(a, b Change) int { return strings.Compare(a.UUID, b.UUID) })
	return out
}

// Close ends the connection and waits until nothing of it runs.
func (c *Conn) Close() { c.rpc.close() }
