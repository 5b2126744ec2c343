package ofprobe

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"github.com/skein-net/skein/internal/entity"
)

// Bounds of what one rule or group may say: a message of 64 KiB can hold
// thousands of actions and buckets, nest them, and print as some times its size.
// All of an entity stays far below [entity.MaxSize].
const (
	maxText     = 32 << 10  // bytes of one text
	maxSize     = 256 << 10 // bytes of all texts, with their keys
	maxItems    = 512       // actions, filters, buckets, arguments of one action
	maxNesting  = 4         // of actions within actions
	maxIdentity = 8 << 10   // bytes of a match that identifies a rule
)

// keyTruncated is the attribute that names the attributes that are not whole. It
// is missing when all are.
const keyTruncated = "Truncated"

// bounds holds what an entity may still say, and what was left out.
type bounds struct {
	actions int // how many actions may come
	size    int // how many bytes
	cut     []string
}

func newBounds() *bounds { return &bounds{actions: maxItems, size: maxSize} }

// left notes that not all of an attribute is there.
func (b *bounds) left(key string) {
	if !slices.Contains(b.cut, key) {
		b.cut = append(b.cut, key)
	}
}

// text bounds and cleans a text within the attribute key.
func (b *bounds) text(key, s string) entity.Value {
	if n := max(min(maxText, b.size), 0); len(s) > n {
		s = s[:n]
		b.left(key)
	}
	b.size -= len(s) + 8
	return entity.String(entity.CleanText(s))
}

// mark adds which attributes are not whole.
func (b *bounds) mark(a entity.Attrs) entity.Attrs {
	if len(b.cut) > 0 {
		slices.Sort(b.cut)
		a = append(a, entity.A(keyTruncated, entity.Strings(b.cut...)))
	}
	return a.Normalize()
}

// bounded is a match that identifies a rule, of which an overlong one is cut and
// told from others by its hash.
func bounded(match string) string {
	if len(match) <= maxIdentity {
		return match
	}
	sum := sha256.Sum256([]byte(match))
	return match[:maxIdentity] + "#" + hex.EncodeToString(sum[:])
}
