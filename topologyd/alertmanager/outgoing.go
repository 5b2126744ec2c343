package alertmanager

import (
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-openapi/strfmt"
	"github.com/prometheus/alertmanager/api/v2/models"
)

// Outgoing is the state of one alert, to be told to Alertmanagers.
type Outgoing struct {
	// Labels are the identity of the alert; those with an empty value do not count.
	Labels, Annotations map[string]string
	// StartsAt is when it began to fire. EndsAt is when it was resolved, or, in the
	// future, when it counts as resolved if nothing more is heard of it; zero: as
	// Alertmanager's resolve_timeout says.
	StartsAt, EndsAt time.Time
	// GeneratorURL is a link to where it comes from, "" for none.
	GeneratorURL string
}

// entry is an alert on its way. It is never changed, so queues share it.
type entry struct {
	key    string
	alert  *models.PostableAlert
	endsAt time.Time
}

// firing reports whether an Alertmanager that hears of it now takes it as firing.
func (e *entry) firing(now time.Time) bool { return e.endsAt.IsZero() || e.endsAt.After(now) }

// newEntry prepares an alert, with external labels where it has none of the name.
// The error says why no Alertmanager would take it.
func newEntry(o *Outgoing, external map[string]string) (*entry, error) {
	labels := make(models.LabelSet, len(o.Labels)+len(external))
	for _, m := range []map[string]string{external, o.Labels} {
		for k, v := range m {
			if v != "" {
				labels[valid(k)] = valid(v)
			}
		}
	}
	for k := range o.Labels {
		if k == "" {
			return nil, errors.New("a label has no name")
		}
	}
	if len(labels) == 0 {
		return nil, errors.New("it has no labels")
	}
	annotations := make(models.LabelSet, len(o.Annotations))
	for k, v := range o.Annotations {
		annotations[valid(k)] = valid(v)
	}
	starts, ends := o.StartsAt.Round(0), o.EndsAt.Round(0) // by the clock on the wall
	if !ends.IsZero() && starts.After(ends) {
		starts = ends // the clock was set back; an alert that ends before it starts is refused
	}
	a := &models.PostableAlert{
		Alert:       models.Alert{Labels: labels},
		Annotations: annotations,
		StartsAt:    strfmt.DateTime(starts.UTC()),
		EndsAt:      strfmt.DateTime(ends.UTC()),
	}
	// A link that is none would have the alert refused, which matters more.
	if _, err := url.ParseRequestURI(o.GeneratorURL); err == nil {
		a.GeneratorURL = strfmt.URI(o.GeneratorURL)
	}
	return &entry{key: key(labels), alert: a, endsAt: o.EndsAt}, nil
}

// valid returns a text as UTF-8, which the API speaks. Names of interfaces may be
// any bytes.
func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// key returns a text that is the same for the same labels only; they are UTF-8, and
// 0xFF is not in that.
func key(labels models.LabelSet) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		b.WriteString(name)
		b.WriteByte(0xFF)
		b.WriteString(labels[name])
		b.WriteByte(0xFF)
	}
	return b.String()
}
