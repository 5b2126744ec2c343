// Package otlplog writes entity events as OpenTelemetry log records and reads
// them back, so that any collector that emits entity events is a source of
// topology. It works on pdata alone: it opens no connection and keeps no
// state.
//
// The spelling written is that of the specification (entity-events.md, status
// Development): a log record whose EventName is entity.state or entity.delete,
// with the attributes entity.type, entity.id, entity.description,
// entity.relationships, entity.report.interval (seconds) and
// entity.delete.reason. Two things go beyond it: the attribute entity.source
// names the facet, and a relationship may have relationship.attributes.
//
// The spelling of earlier collectors (opentelemetry-collector-contrib,
// pkg/experimentalmetricmetadata: otel.entity.event.type and so on, with the
// interval in milliseconds) is read too.
package otlplog
