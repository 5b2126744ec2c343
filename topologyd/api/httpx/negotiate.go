package httpx

import (
	"net/http"
	"strconv"
	"strings"
)

// Coding is a content coding of an answer, as Content-Encoding names it.
type Coding string

// The codings of answers. Identity is none.
const (
	Identity Coding = ""
	Gzip     Coding = "gzip"
	Zstd     Coding = "zstd"
)

// AcceptCoding picks the coding that a request prefers (RFC 9110, 12.5.3): zstd
// before gzip before none where it likes them alike; of any ("*") gzip, which
// everybody knows. A request that takes none of them gets none.
func AcceptCoding(r *http.Request) Coding {
	zstd, gzip, other, identity := -1.0, -1.0, -1.0, -1.0
	for part := range list(r.Header["Accept-Encoding"]) {
		name, q := weight(part)
		switch {
		case strings.EqualFold(name, "zstd"):
			zstd = max(zstd, q)
		case strings.EqualFold(name, "gzip"), strings.EqualFold(name, "x-gzip"):
			gzip = max(gzip, q)
		case name == "*":
			other = max(other, q)
		case strings.EqualFold(name, "identity"):
			identity = max(identity, q)
		}
	}
	if gzip < 0 {
		gzip = other
	}
	switch best := max(zstd, gzip); {
	case best <= 0 || identity > best:
		return Identity
	case zstd == best:
		return Zstd
	default:
		return Gzip
	}
}

// Accept picks from offers the media type that a request prefers (RFC 9110,
// 12.5.1): the first offer when it says nothing, "" when it takes none of them.
// Where it likes several alike, the one that it names comes before those that
// are in its ranges. Parameters of media types are passed over.
func Accept(r *http.Request, offers ...string) string {
	type wish struct {
		q    float64
		rank int
	}
	wishes := make([]wish, len(offers))
	asked := false
	for part := range list(r.Header["Accept"]) {
		asked = true
		name, q := weight(part)
		for i, o := range offers {
			// What names an offer more closely decides, whatever else is said.
			if rank := match(name, o); rank > wishes[i].rank || rank > 0 && rank == wishes[i].rank && q > wishes[i].q {
				wishes[i] = wish{q, rank}
			}
		}
	}
	if !asked {
		return offers[0]
	}
	best, picked := wish{}, ""
	for i, w := range wishes {
		if w.q > best.q || w.q == best.q && w.q > 0 && w.rank > best.rank {
			best, picked = w, offers[i]
		}
	}
	return picked
}

// match tells how closely a media range names a media type: 3 by name, 2 by its
// type, 1 as anything, 0 not.
func match(name, offer string) int {
	if strings.EqualFold(name, offer) {
		return 3
	}
	if name == "*/*" {
		return 1
	}
	if typ, ok := strings.CutSuffix(name, "/*"); ok {
		if of, _, _ := strings.Cut(offer, "/"); strings.EqualFold(typ, of) {
			return 2
		}
	}
	return 0
}

// list yields the members of a header that is a list, the empty ones left out
// (RFC 9110, 5.6.1).
func list(lines []string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for _, line := range lines {
			for line != "" {
				part, rest, _ := strings.Cut(line, ",")
				if part = strings.TrimSpace(part); part != "" && !yield(part) {
					return
				}
				line = rest
			}
		}
	}
}

// weight splits "gzip;q=0.5" into its name and its weight from 0 to 1. A weight
// that is no number is 0: what cannot be read is not asked for.
func weight(part string) (name string, q float64) {
	name, params, _ := strings.Cut(part, ";")
	q = 1
	for params != "" {
		var p string
		p, params, _ = strings.Cut(params, ";")
		p = strings.TrimSpace(p)
		if len(p) < 2 || p[0]|0x20 != 'q' || p[1] != '=' {
			continue
		}
		f, err := strconv.ParseFloat(p[2:], 64)
		if err != nil || !(f > 0) { // not a number is not above 0
			return strings.TrimSpace(name), 0
		}
		q = min(f, 1)
	}
	return strings.TrimSpace(name), q
}
