// Package entity is the vocabulary that every part of Skein shares: what an
// entity event is, how an entity is identified, which values its attributes
// can have and how a relationship between two entities becomes an edge.
//
// The model is that of OpenTelemetry's entity events
// (opentelemetry-specification, specification/entities/entity-events.md,
// status Development): an entity.state event carries the whole current state
// of one entity as one source sees it, an entity.delete event its end. Two
// encodings of it live below this package: [lineproto] (Influx line protocol,
// what Telegraf writes) and [otlplog] (OTLP logs, what an OpenTelemetry
// Collector writes).
//
// The package is pure: it imports the standard library only, does no input or
// output, keeps no state and never logs. All its values may be shared between
// goroutines as long as nobody changes them; events and attributes are treated
// as immutable once they are normalized.
//
// [lineproto]: https://pkg.go.dev/github.com/skein-net/skein/internal/entity/lineproto
// [otlplog]: https://pkg.go.dev/github.com/skein-net/skein/internal/entity/otlplog
package entity
