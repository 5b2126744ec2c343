package flowrecord

import (
	"encoding/hex"
	"math"
	"net/netip"
	"strings"
	"unicode/utf8"

	"github.com/skein-net/skein/internal/entity"
)

// What the rows of the table are made with: one function for each kind of
// value a record holds. at returns where in the record the value is.

func str(s string) entity.Value {
	if s == "" {
		return entity.Value{}
	}
	return entity.String(s)
}

func num(n int64) entity.Value {
	if n == 0 {
		return entity.Value{}
	}
	return entity.Int(n)
}

func text(query, wire string, at func(*Record) *string) Field {
	return Field{Query: query, Wire: wire, Kind: entity.KindString,
		Get: func(r *Record) entity.Value { return str(*at(r)) },
		Set: func(r *Record, v entity.Value) bool {
			*at(r) = v.Str()
			return v.Kind() == entity.KindString
		}}
}

// integer is a count, a time or an identifier: none of them is negative.
func integer(query, wire string, at func(*Record) *int64) Field {
	return Field{Query: query, Wire: wire, Kind: entity.KindInt,
		Get: func(r *Record) entity.Value { return num(*at(r)) },
		Set: func(r *Record, v entity.Value) bool {
			*at(r) = v.Int()
			return v.Kind() == entity.KindInt && v.Int() >= 0
		}}
}

func instant(query, wire string, at func(*Record) *int64) Field {
	f := integer(query, wire, at)
	f.Time = true
	return f
}

func id(query, wire string, at func(*Record) *entity.UUID) Field {
	return Field{Query: query, Wire: wire, Kind: entity.KindString,
		Get: func(r *Record) entity.Value {
			if at(r).IsZero() {
				return entity.Value{}
			}
			return entity.String(uuidText(at(r)))
		},
		Set: func(r *Record, v entity.Value) bool {
			u, err := entity.ParseUUID(v.Str())
			*at(r) = u
			return err == nil
		}}
}

// uuidText is UUID.String with one allocation, because records are many.
func uuidText(u *entity.UUID) string {
	var b [36]byte
	hex.Encode(b[0:8], u[0:4])
	hex.Encode(b[9:13], u[4:6])
	hex.Encode(b[14:18], u[6:8])
	hex.Encode(b[19:23], u[8:10])
	hex.Encode(b[24:36], u[10:16])
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
	return string(b[:])
}

func tracking(query, wire string, at func(*Record) *Tracking) Field {
	return Field{Query: query, Wire: wire, Kind: entity.KindString,
		Get: func(r *Record) entity.Value { return str(at(r).String()) },
		Set: func(r *Record, v entity.Value) (ok bool) {
			*at(r), ok = ParseTracking(v.Str())
			return ok
		}}
}

func mac(query, wire string, at func(*Record) *MAC) Field {
	return Field{Query: query, Wire: wire, Kind: entity.KindString,
		Get: func(r *Record) entity.Value { return str(at(r).String()) },
		Set: func(r *Record, v entity.Value) (ok bool) {
			*at(r), ok = ParseMAC(v.Str())
			return ok
		}}
}

func addr(query, wire string, at func(*Record) *netip.Addr) Field {
	return Field{Query: query, Wire: wire, Kind: entity.KindString,
		Get: func(r *Record) entity.Value {
			if !at(r).IsValid() {
				return entity.Value{}
			}
			return entity.String(at(r).String())
		},
		Set: func(r *Record, v entity.Value) bool {
			a, err := netip.ParseAddr(v.Str())
			*at(r) = a
			return err == nil && a.Zone() == ""
		}}
}

func port(query, wire string, at func(*Record) *uint16) Field {
	return Field{Query: query, Wire: wire, Kind: entity.KindInt,
		Get: func(r *Record) entity.Value { return num(int64(*at(r))) },
		Set: func(r *Record, v entity.Value) bool {
			n := v.Int()
			*at(r) = uint16(n)
			return v.Kind() == entity.KindInt && n >= 0 && n <= math.MaxUint16
		}}
}

// details is a map in a record and JSON text on the wire.
func details(query, wire string, at func(*Record) *entity.Value) Field {
	return Field{Query: query, Wire: wire, Kind: entity.KindMap,
		Get: func(r *Record) entity.Value { return *at(r) },
		Set: func(r *Record, v entity.Value) bool {
			*at(r) = v
			return v.Kind() == entity.KindMap
		}}
}

func tcpText(query, wire string, at func(*TCP) *string) Field {
	return tcp(text(query, wire, func(r *Record) *string { return at(r.tcp()) }))
}

func tcpInteger(query, wire string, at func(*TCP) *int64) Field {
	return tcp(integer(query, wire, func(r *Record) *int64 { return at(r.tcp()) }))
}

func tcpInstant(query, wire string, at func(*TCP) *int64) Field {
	return tcp(instant(query, wire, func(r *Record) *int64 { return at(r.tcp()) }))
}

// tcp has a field of records without TCP be none, and reading not make one.
func tcp(f Field) Field {
	get := f.Get
	f.Get = func(r *Record) entity.Value {
		if r.TCP == nil {
			return entity.Value{}
		}
		return get(r)
	}
	return f
}

func (r *Record) tcp() *TCP {
	if r.TCP == nil {
		r.TCP = new(TCP)
	}
	return r.TCP
}

// network is written network.type, in small letters (semantic conventions).
func network() Field {
	return upper("Network.Protocol", "network.type", func(r *Record) *string { return &r.NetworkProtocol })
}

// transport is written network.transport, in small letters.
func transport() Field {
	return upper("Transport.Protocol", "network.transport", func(r *Record) *string { return &r.TransportProtocol })
}

// upper is in capital letters in queries and in small ones on the wire.
func upper(query, wire string, at func(*Record) *string) Field {
	f := text(query, wire, at)
	f.Get = func(r *Record) entity.Value { return str(strings.ToLower(*at(r))) }
	set := f.Set
	f.Set = func(r *Record, v entity.Value) bool {
		ok := set(r, v) && ascii(v.Str())
		*at(r) = strings.ToUpper(*at(r))
		return ok
	}
	return f
}

// ascii reports whether s has letters whose two forms lead to one another.
func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func finish() Field {
	return Field{Query: "FinishType", Wire: "flow.finish", Kind: entity.KindString,
		Get: func(r *Record) entity.Value { return entity.String(r.Finish.String()) },
		Set: func(r *Record, v entity.Value) (ok bool) {
			r.Finish, ok = ParseFinish(v.Str())
			return ok
		}}
}

// finishNames are the values of FinishType, in the order of the constants.
func finishNames() [6]string {
	return [...]string{"NOT_FINISHED", "TIMEOUT", "TCP_FIN", "TCP_RST", "EVICTED", "STOPPED"}
}

// String returns the name as queries write it, for example "TCP_FIN".
func (f Finish) String() string {
	names := finishNames()
	if int(f) < len(names) {
		return names[f]
	}
	return names[0]
}

// ParseFinish parses what String returns.
func ParseFinish(s string) (Finish, bool) {
	for i, name := range finishNames() {
		if s == name {
			return Finish(i), true
		}
	}
	return NotFinished, false
}
