package entity

import "strings"

// Host returns the host that the identity of an entity names, by host.id:
//
//   - the attribute host.id;
//   - of a row of a database (see [RowRef]) and of what is within one, what is
//     before the last slash of its database, "HOST/UUID";
//   - of a container whose runtime gave it an ID that others may give too, what is
//     before the first slash, "HOST/SCOPE/ID".
//
// It is "" for what names none: containers with an ID of their own, switches, and
// whatever another source identifies otherwise. ok is false when the identity
// names several hosts, which none of Skein's sources does. A host.id with a slash
// is not told from a scope: such containers are of the host before the first one.
func (r Ref) Host() (host string, ok bool) {
	for _, a := range r.ID {
		named := ""
		switch a.Key {
		case IDHost:
			named = a.Value
		case IDDatabase:
			if i := strings.LastIndexByte(a.Value, '/'); i >= 0 {
				named = a.Value[:i]
			}
		case IDContainer:
			if i := strings.IndexByte(a.Value, '/'); i >= 0 {
				named = a.Value[:i]
			}
		}
		switch {
		case named == "" || named == host:
		case host != "":
			return "", false
		default:
			host = named
		}
	}
	return host, true
}

// SourceHost returns the host whose own a source is: what follows the slash in
// "lldp/HOST". Several hosts speak of what is nobody's, each with a facet of its
// own, so that none takes back what another said. It is "" for other sources.
func SourceHost(source string) string {
	what, host, _ := strings.Cut(source, "/")
	if what == "" {
		return ""
	}
	return host
}
