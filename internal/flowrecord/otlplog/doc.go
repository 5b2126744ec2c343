// Package otlplog writes flow records as OpenTelemetry log records and reads
// them back. It works on pdata alone: it opens no connection and keeps no
// state. What a field is called and how its value is written is not known here
// but in the table of package flowrecord.
//
// One report of a flow is one log record: EventName is network.flow, the
// timestamp the time of the report's last packet, the attributes the fields
// that are set. host.id is an attribute of the resource; one of the log record
// wins over it. Details of applications (flow.dns and so on) are JSON text,
// because stores of logs keep flat rows; a map is read as well.
package otlplog
