package otlplog

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// MaxNesting is how deep the messages (of protobuf) or the objects and arrays
// (of JSON) of a request may be nested. A map in a map takes three messages.
const MaxNesting = 256

// ErrNesting tells that a request is nested too deep.
var ErrNesting = fmt.Errorf("the request is nested more than %d deep", MaxNesting)

var errProto = errors.New("not a protobuf message")

// CheckProto checks that an ExportLogsServiceRequest in protobuf is not nested
// deeper than [MaxNesting]. Call it before pdata's UnmarshalProto, which
// descends as deep as the input says: about 20 MB of nothing but nesting are
// enough to exhaust a goroutine's stack, which ends the process.
func CheckProto(b []byte) error { return checkProto(b, request) }

// CheckMetricsProto is [CheckProto] for an ExportMetricsServiceRequest.
func CheckMetricsProto(b []byte) error { return checkProto(b, metricsRequest) }

func checkProto(b []byte, root message) error {
	var stack [MaxNesting]struct {
		end int
		is  message
	}
	stack[0].end = len(b)
	stack[0].is = root
	top, i := 0, 0
	for {
		for i == stack[top].end {
			if top == 0 {
				return nil
			}
			top--
		}
		left := b[i:stack[top].end]
		tag, n := uvarint(left)
		if n <= 0 {
			return errProto
		}
		i, left = i+n, left[n:]
		size := 0
		switch tag & 7 {
		case 0:
			if _, size = binary.Uvarint(left); size <= 0 {
				return errProto
			}
		case 1:
			size = 8
		case 5:
			size = 4
		case 2:
			length, n := uvarint(left)
			if n <= 0 || length > uint64(len(left)-n) {
				return errProto
			}
			if next := stack[top].is.field(tag >> 3); next != other {
				if top++; top == MaxNesting {
					return ErrNesting
				}
				i += n
				stack[top].end, stack[top].is = i+int(length), next
				continue
			}
			size = n + int(length)
		default:
			return errProto // groups: OTLP has none
		}
		if size > len(left) {
			return errProto
		}
		i += size
	}
}

// uvarint is [binary.Uvarint], faster for the small numbers that most are.
func uvarint(b []byte) (uint64, int) {
	if len(b) > 0 && b[0] < 0x80 {
		return uint64(b[0]), 1
	}
	return binary.Uvarint(b)
}

// message is a message of opentelemetry-proto (collector, logs, metrics,
// resource and common, all v1) on the way to an AnyValue.
type message uint16

const (
	other message = iota
	request
	resourceLogs
	scopeLogs
	logRecord
	metricsRequest
	resourceMetrics
	scopeMetrics
	metric
	numbers
	histogram
	exponential
	summary
	numberPoint
	histogramPoint
	exponentialPoint
	summaryPoint
	exemplar
	resource
	scope
	keyValue
	anyValue
	arrayValue
	keyValueList
)

// field returns the message that a field holds, other if it leads nowhere.
func (m message) field(number uint64) message {
	if number > 15 {
		return other
	}
	switch m<<4 | message(number) {
	case request<<4 | 1:
		return resourceLogs
	case resourceLogs<<4 | 1, resourceMetrics<<4 | 1:
		return resource
	case resourceLogs<<4 | 2:
		return scopeLogs
	case scopeLogs<<4 | 1, scopeMetrics<<4 | 1:
		return scope
	case scopeLogs<<4 | 2:
		return logRecord
	case metricsRequest<<4 | 1:
		return resourceMetrics
	case resourceMetrics<<4 | 2:
		return scopeMetrics
	case scopeMetrics<<4 | 2:
		return metric
	case metric<<4 | 5, metric<<4 | 7:
		return numbers
	case metric<<4 | 9:
		return histogram
	case metric<<4 | 10:
		return exponential
	case metric<<4 | 11:
		return summary
	case numbers<<4 | 1:
		return numberPoint
	case histogram<<4 | 1:
		return histogramPoint
	case exponential<<4 | 1:
		return exponentialPoint
	case summary<<4 | 1:
		return summaryPoint
	case numberPoint<<4 | 5, histogramPoint<<4 | 8, exponentialPoint<<4 | 11:
		return exemplar
	case resource<<4 | 1, scope<<4 | 3, logRecord<<4 | 6, keyValueList<<4 | 1, metric<<4 | 12, numberPoint<<4 | 7,
		histogramPoint<<4 | 9, exponentialPoint<<4 | 1, summaryPoint<<4 | 7, exemplar<<4 | 7:
		return keyValue
	case logRecord<<4 | 5, keyValue<<4 | 2, arrayValue<<4 | 1:
		return anyValue
	case anyValue<<4 | 5:
		return arrayValue
	case anyValue<<4 | 6:
		return keyValueList
	default:
		return other
	}
}

// CheckJSON checks that a JSON text is not nested deeper than [MaxNesting]. It
// does not check that it is one: call it before pdata's UnmarshalJSON.
func CheckJSON(b []byte) error {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			for i++; i < len(b) && b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			if depth++; depth > MaxNesting {
				return ErrNesting
			}
		case '}', ']':
			depth--
		}
	}
	return nil
}
