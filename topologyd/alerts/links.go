package alerts

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/skein-net/skein/internal/entity"
)

// changesBoard is the path of the dashboard that shows what differs between two
// times (UIDChanges of package dashboards).
const changesBoard = "/d/skein-changes"

// afterwards is how long after an alert its difference reaches.
const afterwards = time.Minute

// differenceURL leads to what changed around a time near some nodes: to Grafana's
// dashboard of changes, else to the daemon's own answer; "" where neither can be
// reached.
func (c *Config) differenceURL(at time.Time, nodes []entity.UUID) string {
	from, to := at.Add(-c.Around), at.Add(afterwards)
	if c.GrafanaURL != "" {
		q := url.Values{"from": {strconv.FormatInt(from.UnixMilli(), 10)}, "to": {strconv.FormatInt(to.UnixMilli(), 10)}}
		for _, id := range nodes {
			q.Add("var-node", id.String())
		}
		return below(c.GrafanaURL, changesBoard, q)
	}
	if c.ExternalURL == "" {
		return ""
	}
	q := url.Values{"from": {from.UTC().Format(time.RFC3339)}, "to": {to.UTC().Format(time.RFC3339)}}
	if len(nodes) > 0 {
		ids := make([]string, len(nodes))
		for i, id := range nodes {
			ids[i] = "'" + id.String() + "'"
		}
		q.Set("gremlin", fmt.Sprintf("G.V().Has('@ID', WITHIN(%s)).Neighbors()", strings.Join(ids, ", ")))
	}
	return below(c.ExternalURL, "/api/v1/diff", q)
}

// queryURL leads to what a query finds now; "" where the daemon cannot be
// reached.
func (c *Config) queryURL(query string) string {
	if c.ExternalURL == "" {
		return ""
	}
	return below(c.ExternalURL, "/api/v1/query", url.Values{"gremlin": {query}})
}

// below is a URL below another one.
func below(base, path string, q url.Values) string {
	return strings.TrimRight(base, "/") + path + "?" + q.Encode()
}
