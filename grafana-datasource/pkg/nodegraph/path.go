package nodegraph

import (
	"net/url"
	"slices"
	"strings"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/client"
)

// maxOpen is how many groups links keep open: topologyd opens no more than 256.
const maxOpen = 200

// isBelow reports whether a path is that of a group or of something inside it.
func isBelow(path, group string) bool {
	return path == group || strings.HasPrefix(path, group+"/")
}

// opened returns the groups that are open once path is, too.
func opened(open []string, path string) []string {
	out := slices.DeleteFunc(slices.Clone(open), func(s string) bool { return s == path || s == "" })
	out = append(out, path)
	return out[max(len(out)-maxOpen, 0):]
}

// closed returns the groups that are open once the innermost of those around
// path is not. ok is false when none of them is around it.
func closed(open []string, path string) (out []string, ok bool) {
	inner := ""
	for _, o := range open {
		if o != "" && o != client.ExpandAll && isBelow(path, o) && len(o) > len(inner) {
			inner = o
		}
	}
	if inner == "" {
		return nil, false
	}
	return slices.DeleteFunc(slices.Clone(open), func(s string) bool { return s == "" || isBelow(s, inner) }), true
}

// escape writes a text so that it can stand as a value in a URL, and so that
// Grafana finds no variable in it.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// step is one level of the path of a group.
type step struct{ level, value string }

// steps reads a path; nil when it is none.
func steps(path string) []step {
	var out []step
	for part := range strings.SplitSeq(path, "/") {
		level, value, ok := strings.Cut(part, "=")
		l, err := url.PathUnescape(level)
		v, err2 := url.PathUnescape(value)
		if !ok || err != nil || err2 != nil {
			return nil
		}
		out = append(out, step{l, v})
	}
	return out
}

// quote writes a text as a string of the query language.
func quote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`, "\t", `\t`).Replace(s) + "'"
}

// groupQuery returns a query for the members of a group. Where a level cannot
// be said in a query (the root namespace, no value, a value that was too long) it
// gives those of the level above.
func groupQuery(path string) string {
	from, filter, host := "G.V()", "", ""
	for _, s := range steps(path) {
		switch {
		case s.value == "":
		case s.level == client.LevelHost:
			host = s.value
			filter += ".Has('@Host', " + quote(s.value) + ")"
		case s.level == client.LevelType:
			filter += ".Has('Type', " + quote(s.value) + ")"
		case s.level == client.LevelNamespace || s.level == client.LevelOwner:
			// A host stands for its own namespace, and all there is descends from it.
			if _, err := entity.ParseUUID(s.value); err == nil && s.value != entity.HostRef(host).UUID().String() {
				depth := ""
				if s.level == client.LevelNamespace {
					depth = "0"
				}
				from = "G.V(" + quote(s.value) + ").Descendants(" + depth + ")"
			}
		default:
			filter += ".Has(" + quote(s.level) + ", " + quote(s.value) + ")"
		}
	}
	return from + filter
}
