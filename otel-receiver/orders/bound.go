package orders

import (
	"bytes"
	"fmt"

	"github.com/skein-net/skein/internal/order"
)

// maxListed is how many captures a list may have: more than fit into a message
// that says of each what must be said.
const maxListed = 1 << 15

// maxElements bounds the elements of lists in a message, which take far more
// memory once they are decoded than "{}" does.
const maxElements = 1 << 17

// decode reads a message of topologyd.
func decode(b []byte) (*order.Envelope, error) {
	if n := elements(b); n > maxElements {
		return nil, fmt.Errorf("decode order: its lists have %d elements, and may have %d", n, maxElements)
	}
	e, err := order.Decode(b)
	if err == nil && e.Assignments != nil && len(e.Assignments.Captures) > maxListed {
		return nil, fmt.Errorf("decode order: it lists %d captures, and may list %d", len(e.Assignments.Captures), maxListed)
	}
	return e, err
}

// elements counts the commas of a JSON text that are as deep as those between the
// captures of a list.
func elements(b []byte) (n int) {
	const depth = 3 // {"assignments":{"captures":[
	level := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '{', '[':
			level++
		case '}', ']':
			level--
		case ',':
			if level == depth {
				n++
			}
		case '"':
			i = stringEnd(b, i)
		}
	}
	return n
}

// stringEnd returns where the JSON string ends that begins at i.
func stringEnd(b []byte, i int) int {
	for {
		n := bytes.IndexAny(b[i+1:], `"\`)
		if n < 0 {
			return len(b)
		}
		if i += 1 + n; b[i] == '"' {
			return i
		}
		i++ // what is escaped
		if i >= len(b) {
			return len(b)
		}
	}
}
