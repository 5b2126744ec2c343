package api

import (
	"context"
	"errors"
	"mime"
	"net/http"
	"slices"

	"github.com/skein-net/skein/topologyd/alert"
	"github.com/skein-net/skein/topologyd/alerts"
	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/auth"
	"github.com/skein-net/skein/topologyd/definition"
)

// pathAlerts is where graph rules are defined. The last parts of the other paths
// cannot be IDs of definitions.
const (
	pathAlerts      = "/api/v1/alerts"
	pathAlertActive = pathAlerts + "/active"
	pathAlertRules  = pathAlerts + "/rules"
	pathAlertCheck  = pathAlerts + "/check"
)

// Alerts runs graph rules.
type Alerts interface {
	// Active returns the alerts that a filter chooses, those of files first.
	Active(f alerts.Filter) []alerts.Active
	// Report returns all rules by groups, and how they do.
	Report() alerts.Report
	// Status tells how a definition does.
	Status(d *definition.Definition) alerts.Status
	// Try tells what a rule would alert now.
	Try(ctx context.Context, s *alerts.Spec) (*alerts.Trial, error)
}

// alertRoutes returns the endpoints of alerts beside those of definitions.
func (a *API) alertRoutes() []httpx.Route {
	return []httpx.Route{
		httpx.Get(pathAlertActive, a.activeAlerts).For(auth.Read),
		httpx.Get(pathAlertRules, a.alertRules).For(auth.Read),
		httpx.Post(pathAlertCheck, a.alertCheck).For(auth.Read),
	}
}

// alertsOpen reports whether this daemon runs graph rules, and answers when it
// does not.
func (a *API) alertsOpen(w http.ResponseWriter) bool {
	if a.deps.Alerts != nil {
		return true
	}
	httpx.WriteError(w, http.StatusNotImplemented, &httpx.Error{Code: httpx.CodeUnsupported, Message: "this daemon runs no graph rules"})
	return false
}

// activeDefault is how many alerts are told when nobody says how many, activeMost
// how many may be asked for: each may have some 10 KB.
const activeDefault, activeMost = 1000, 10_000

// activeAlerts is GET /api/v1/alerts/active?state=&alertname=&host=&limit=.
func (a *API) activeAlerts(w http.ResponseWriter, r *http.Request) {
	if !a.alertsOpen(w) {
		return
	}
	p := params(r.URL.Query())
	if f := p.check("state", "alertname", "host", "limit"); f != nil {
		refuse(w, f)
		return
	}
	f := alerts.Filter{State: p.get("state"), Name: p.get("alertname"), Host: p.get("host")}
	states := []string{alert.Pending.String(), alert.Firing.String(), alert.Resolved.String()}
	if f.State != "" && !slices.Contains(states, f.State) {
		refuse(w, fail(http.StatusBadRequest, httpx.CodeInvalid, "state=%.40q is none of pending, firing and resolved", f.State))
		return
	}
	limit, wrong := p.number("limit", activeDefault, activeMost)
	if wrong != nil {
		refuse(w, wrong)
		return
	}
	f.Limit = limit + 1
	list := a.deps.Alerts.Active(f)
	more := len(list) > limit
	httpx.WriteJSON(w, http.StatusOK, struct {
		Alerts []alerts.Active `json:"alerts"`
		More   bool            `json:"more"`
	}{list[:min(limit, len(list))], more})
}

// alertRules is GET /api/v1/alerts/rules.
func (a *API) alertRules(w http.ResponseWriter, _ *http.Request) {
	if a.alertsOpen(w) {
		httpx.WriteJSON(w, http.StatusOK, a.deps.Alerts.Report())
	}
}

// alertCheck is POST /api/v1/alerts/check: what a rule would alert now. Its body
// is the specification of a definition.
func (a *API) alertCheck(w http.ResponseWriter, r *http.Request) {
	if !a.alertsOpen(w) {
		return
	}
	spec, f := readAlert(w, r)
	if f != nil {
		refuse(w, f)
		return
	}
	ctx, done, f := a.work(r.Context(), a.cfg.Limits.Time)
	if f != nil {
		refuse(w, f)
		return
	}
	defer done()
	t, err := a.deps.Alerts.Try(ctx, spec)
	switch {
	case errors.Is(err, context.Canceled): // nobody waits for the answer
	case err != nil:
		refuse(w, queryFailure(err))
	default:
		httpx.WriteJSON(w, http.StatusOK, t)
	}
}

// readAlert reads a rule.
func readAlert(w http.ResponseWriter, r *http.Request) (*alerts.Spec, *failure) {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != typeJSON {
		return nil, fail(http.StatusUnsupportedMediaType, httpx.CodeUnsupported, "send the rule as JSON, with the header Content-Type: %s", typeJSON)
	}
	data, f := readBody(w, r, maxDefinitionBody)
	if f != nil {
		return nil, f
	}
	spec := new(alerts.Spec)
	if err := definition.Strict(data, spec); err != nil {
		return nil, fail(http.StatusBadRequest, httpx.CodeInvalid, "the body is not a rule: %v", err)
	}
	if err := spec.Validate(); err != nil {
		f := fail(http.StatusBadRequest, httpx.CodeInvalid, "%v", err)
		place(f, err, alerts.Kind, data)
		return nil, f
	}
	return spec, nil
}

// placeAlert adds which field of a rule the mistake is in.
func placeAlert(f *failure, err error) {
	var mistake *alert.Error
	if errors.As(err, &mistake) {
		f.err.Field = mistake.Field
	}
}
