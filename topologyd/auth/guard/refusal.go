package guard

import (
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/auth"
)

// Reasons of refusals, beside those of an [Identifier].
const (
	reasonNone      = "none"      // no credentials
	reasonMalformed = "malformed" // more than one Authorization
	reasonExpired   = "expired"
	reasonOther     = "other"
	reasonGone      = "gone"     // the client, while it was looked at
	reasonRole      = "role"     // known, but may not
	reasonRate      = "rate"     // too many requests of one client
	reasonFailures  = "failures" // too many failed proofs of one address
	reasonInHand    = "in_hand"  // too much of one client is worked on
	reasonOrigin    = "origin"   // a page of another site sent it
	reasonHost      = "host"     // addressed by a name that is not of this host
)

// refusal is why a request is not let in.
type refusal struct {
	status  int
	reason  string
	code    string
	message string
	retry   int // seconds, 0: do not try again
	// quiet tells that it is counted and not written down.
	quiet bool
}

// result is the label of the metric of requests.
func (r *refusal) result() string {
	switch r.status {
	case http.StatusUnauthorized:
		return resultUnknown
	case http.StatusForbidden:
		return resultForbidden
	default:
		return resultLimited
	}
}

// unknown is for those who did not prove who they are.
func unknown(reason string) *refusal {
	r := &refusal{status: http.StatusUnauthorized, reason: reason, code: httpx.CodeUnknown}
	switch reason {
	case reasonNone:
		r.message = "say who asks: send the header Authorization: Bearer TOKEN, or show a client certificate; docs/security.md says how"
	case reasonExpired:
		r.message = "the credentials have expired; get new ones"
	case reasonMalformed:
		r.message = "there is more than one header Authorization; send one"
	case reasonGone:
		r.message = "the request ended while it was looked who asks"
	default:
		r.message = "the credentials are not good here (" + reason + "); docs/security.md says what is"
	}
	return r
}

// later is for proofs that could not be looked at.
func later(reason string, wait time.Duration, err error) *refusal {
	return &refusal{status: http.StatusServiceUnavailable, reason: reason, code: httpx.CodeUnavailable, retry: seconds(wait), quiet: true,
		message: err.Error() + "; try again after the seconds of Retry-After"}
}

// forbidden is for those who are known and may not.
func forbidden(id *auth.Identity, needs auth.Permission) *refusal {
	has := "no role"
	if len(id.Roles) > 0 {
		has = "the role " + join(id.Roles, " and ")
	}
	need := ""
	switch needs {
	case auth.Payload:
		need = "packets are handed out to those who may read and have packets: true in the file of --auth-file, or a value of oidc.packets"
	default:
		var roles []auth.Role
		for _, r := range auth.Roles() {
			if r.Grants(needs) {
				roles = append(roles, r)
			}
		}
		need = "this needs the role " + join(roles, " or ")
	}
	return &refusal{status: http.StatusForbidden, reason: reasonRole, code: httpx.CodeForbidden,
		message: fmt.Sprintf("%.100q may not do this: %s; it has %s", id.Name, need, has)}
}

func join(roles []auth.Role, word string) string {
	names := make([]string, len(roles))
	for i, r := range roles {
		names[i] = string(r)
	}
	return strings.Join(names, word)
}

// tooMany is for clients that ask too often.
func tooMany(wait time.Duration) *refusal {
	return &refusal{status: http.StatusTooManyRequests, reason: reasonRate, code: httpx.CodeBusy, retry: seconds(wait), quiet: true,
		message: "you ask more often than --request-rate and --request-burst allow; ask again after the seconds of Retry-After"}
}

// tooManyFailures is for addresses from which too many proofs fail.
func tooManyFailures(wait time.Duration) *refusal {
	return &refusal{status: http.StatusTooManyRequests, reason: reasonFailures, code: httpx.CodeBusy, retry: seconds(wait), quiet: true,
		message: "too many requests from this address did not prove who sends them (--auth-failure-rate); try again after the seconds of Retry-After"}
}

// tooMuchInHand is for clients that have more answered at once than is for one.
func tooMuchInHand() *refusal {
	return &refusal{status: http.StatusServiceUnavailable, reason: reasonInHand, code: httpx.CodeBusy, retry: 1, quiet: true,
		message: "this client has as much in hand here as one may; try again in a second"}
}

func seconds(d time.Duration) int { return int(math.Ceil(min(max(d.Seconds(), 1), 60))) }
