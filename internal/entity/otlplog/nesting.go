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
func CheckProto(b []byte) error {
	var stack [MaxNesting]struct {
		end int
		is  message
	}
	stack[0].end = len(b)
	stack[0].is = request
	top, i := 0, 0
	for {
		for i == stack[top].end {
			if top == 0 {
				return nil
			}
			top--
		}
		left := b[i:stack[top].end]
		tag, n := binary.Uvarint(left)
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
			length, n := binary.Uvarint(left)
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

// message is a message of opentelemetry-proto (collector/logs/v1, logs/v1,
// resource/v1, common/v1) on the way to an AnyValue.
type message uint8

const (
	other message = iota
	request
	resourceLogs
	scopeLogs
	resource
	scope
	logRecord
	keyValue
	anyValue
	arrayValue
	keyValueList
)

// field returns the message that a field holds, other if it leads nowhere.
func (m message) field(number uint64) message {
	switch {
	case m == request && number == 1:
		return resourceLogs
	case m == resourceLogs && number == 1:
		return resource
	case m == resourceLogs && number == 2:
		return scopeLogs
	case m == scopeLogs && number == 1:
		return scope
	case m == scopeLogs && number == 2:
		return logRecord
	case m == resource && number == 1, m == scope && number == 3, m == logRecord && number == 6, m == keyValueList && number == 1:
		return keyValue
	case m == logRecord && number == 5, m == keyValue && number == 2, m == arrayValue && number == 1:
		return anyValue
	case m == anyValue && number == 5:
		return arrayValue
	case m == anyValue && number == 6:
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
