// Package lineproto writes entity events as Influx line protocol and reads
// them back, so that any Telegraf output that speaks it can carry topology.
// It does no input or output, never logs and imports the standard library and
// package entity only.
//
// One event is one line:
//
//	entity_state,entity=<uuid>,entity_type=interface,source=netlink entity.type="interface",entity.id="{...}",...,MTU=1500i 1700000000000000000
//
// The measurement is entity_state or entity_delete. Tags are for people and
// for stock outputs; what counts is in the fields:
//
//   - entity.type, entity.id (a JSON object of strings), entity.source,
//     entity.report.interval (integer seconds, left out when 0),
//     entity.relationships (a JSON array, left out when empty) and
//     entity.delete.reason (left out when empty);
//   - each scalar attribute under its own key, and each list or map as JSON
//     text under its key with the suffix ":json".
//
// Two escapes make the mapping total. A key that starts with "entity." or
// "attr:" is written with the prefix "attr:"; a scalar whose key ends in
// ":json" or ":raw" is written with the suffix ":raw". Fields that start with
// "entity." and are not in the list above are left for later versions: the
// decoder skips them.
//
// The line protocol itself is that of
// https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/ as
// Telegraf's influx serializer writes it: in measurements, keys and tags a
// backslash escapes a comma, a space and '='; in strings it escapes '"' and
// itself; everywhere else it is an ordinary character. Strings may hold line
// breaks.
package lineproto
