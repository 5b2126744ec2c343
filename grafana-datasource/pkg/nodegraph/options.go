package nodegraph

// What the rings around nodes show.
const (
	// ArcsState is what is up, down and stale.
	ArcsState = "state"
	// ArcsType is the types of the members of a group.
	ArcsType = "type"
	// ArcsChange is what was added, removed and changed.
	ArcsChange = "change"
	// ArcsNone has rings of one colour, by the kind of element.
	ArcsNone = "none"
)

// Options say what frames are to show.
type Options struct {
	// Arcs is one of the Arcs constants; anything else is ArcsChange for a
	// difference and ArcsState otherwise.
	Arcs string
	// Traffic has the thickness of edges show traffic.
	Traffic bool
	// Expand are the paths of the groups that the query opens.
	Expand []string
	Links  Links
}

// Links say where links may lead. The zero value makes none.
type Links struct {
	// Datasource is the UID of the data source, for the variable ds of the
	// dashboards and for Explore; "" makes no link but those that open and close
	// groups. Type is the ID of its plugin.
	Datasource, Type string
	// Dashboards tells that Skein's own dashboards are there.
	Dashboards bool
	// Dashboard is the path of the dashboard that asks, such as /d/uid; "" where
	// there is none, and then nothing opens and closes groups.
	Dashboard string
	// Params are the other variables of that dashboard, as in a URL:
	// var-a=b&var-c=d.
	Params string
	// ExpandVariable is the dashboard's variable with the groups to open; "" is
	// "expand".
	ExpandVariable string
}

func (o Options) arcs(diff bool) string {
	switch o.Arcs {
	case ArcsState, ArcsType, ArcsChange, ArcsNone:
		return o.Arcs
	}
	if diff {
		return ArcsChange
	}
	return ArcsState
}
