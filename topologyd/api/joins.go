package api

import (
	"net/http"

	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/auth"
	"github.com/skein-net/skein/topologyd/definition"
	"github.com/skein-net/skein/topologyd/joins"
)

// pathJoins is where rows of the table of joins are defined, pathTable the table
// itself; its last part cannot be the ID of a definition.
const (
	pathJoins = "/api/v1/joins"
	tableID   = "table"
	pathTable = pathJoins + "/" + tableID
)

// Joins tells of the table of joins.
type Joins interface {
	// Report returns the table in force, and what is wanted of it.
	Report() joins.Report
	// Status tells how a definition of a row does.
	Status(d *definition.Definition) joins.Status
}

// joinRoutes returns the endpoints of the table of joins.
func (a *API) joinRoutes() []httpx.Route {
	return []httpx.Route{httpx.Get(pathTable, a.joinTable).For(auth.Read), httpx.Post(pathJoins+"/check", a.joinCheck).For(auth.Read)}
}

// joinsOpen reports whether this daemon keeps a table of joins, and answers when
// it does not.
func (a *API) joinsOpen(w http.ResponseWriter) bool {
	if a.deps.Joins != nil {
		return true
	}
	httpx.WriteError(w, http.StatusNotImplemented, &httpx.Error{Code: httpx.CodeUnsupported, Message: "this daemon keeps no table of joins"})
	return false
}

// joinTable is GET /api/v1/joins/table.
func (a *API) joinTable(w http.ResponseWriter, _ *http.Request) {
	if a.joinsOpen(w) {
		httpx.WriteJSON(w, http.StatusOK, a.deps.Joins.Report())
	}
}
