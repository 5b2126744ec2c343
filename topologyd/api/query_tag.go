package api

import (
	"crypto/rand"
	"encoding/binary"
	"hash/maphash"
	"net/http"
	"strconv"
	"strings"

	"github.com/skein-net/skein/topologyd/gremlin"
)

// tags make the entity tags of answers. A tag says of which state of the graph
// an answer is, and what was asked: as long as both are the same, so is the
// answer, and it need not be made again.
type tags struct {
	// process tells this daemon's states from those of another, and of the same
	// one before a restart.
	process uint64
	seed    maphash.Seed
}

func newTags() tags {
	var b [8]byte
	_, _ = rand.Read(b[:]) // it does not fail (crypto/rand)
	return tags{process: binary.LittleEndian.Uint64(b[:]), seed: maphash.MakeSeed()}
}

// of returns the entity tag of the answer to a request, about the state of the
// graph with a version; "" when the answer depends on anything else: on flows,
// on the clock, on how long it takes to make. It is weak, because the same
// answer may come compressed or not (RFC 9110, 8.8.1).
func (t *tags) of(q *gremlin.Query, req *queryRequest, lim gremlin.Limits, media string, version uint64) string {
	if version == 0 || req.At != "" || req.Explain || q.Travels() || q.AsksFlows() {
		return ""
	}
	// Limits are part of it: with lower ones there would be an error, or less.
	b := make([]byte, 0, 64)
	b = append(append(b, media...), 0)
	for _, n := range []int{int(lim.Time), lim.Visited, lim.Memory, lim.Results, lim.Bytes} {
		b = binary.AppendVarint(b, int64(n))
	}
	b = strconv.AppendBool(b, req.Partial)
	var h maphash.Hash
	h.SetSeed(t.seed)
	_, _ = h.Write(b) // it does not fail
	_, _ = h.WriteString(req.Gremlin)
	b = append(b[:0], `W/"`...)
	b = strconv.AppendUint(b, t.process, 36)
	b = strconv.AppendUint(append(b, '-'), version, 36)
	b = strconv.AppendUint(append(b, '-'), h.Sum64(), 36)
	return string(append(b, '"'))
}

// noneMatch reports whether a request already has the answer with a tag, by
// If-None-Match (RFC 9110, 13.1.2). "*" is not an answer that anybody has.
func noneMatch(r *http.Request, tag string) bool {
	if tag == "" {
		return false
	}
	want := strings.TrimPrefix(tag, "W/")
	for _, line := range r.Header["If-None-Match"] {
		for line != "" {
			var one string
			if one, line = nextTag(line); one == want {
				return true
			}
		}
	}
	return false
}

// nextTag takes the first entity tag, without its W/, off a list. Of what is no
// list of tags nothing is left.
func nextTag(list string) (tag, rest string) {
	list = strings.TrimLeft(list, " \t,")
	list = strings.TrimPrefix(list, "W/")
	if len(list) == 0 || list[0] != '"' {
		return "", ""
	}
	end := strings.IndexByte(list[1:], '"')
	if end < 0 {
		return "", ""
	}
	tag, rest = list[:end+2], strings.TrimLeft(list[end+2:], " \t")
	if rest != "" && rest[0] != ',' {
		return "", ""
	}
	return tag, rest
}
