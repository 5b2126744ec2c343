package mapping

import (
	"slices"

	"github.com/skein-net/skein/internal/entity"
)

// Host is all that is known of a host.
type Host struct {
	ID, Name string
	// Facts are those of the machine, Metadata free keys of the configuration.
	Facts    entity.Attrs
	Metadata map[string]string
	// Config are values from files, sorted by name. They become one attribute,
	// the map Config.
	Config entity.Attrs
	// Tables are those of the root namespace.
	Tables
	// Limitations say what could not be seen.
	Limitations []string
}

// Event returns the entity event of the host without its time and interval.
// Metadata never overrides what is known, and keys that no encoding can carry are
// left out.
func (h *Host) Event() entity.Event {
	a := make(entity.Attrs, 0, len(h.Metadata)+len(h.Facts)+8)
	for k, v := range h.Metadata {
		if entity.ValidKey(k) == nil {
			a = append(a, entity.A(k, entity.String(entity.CleanText(v))))
		}
	}
	// Equal keys: the later one stays.
	slices.SortFunc(a, func(x, y entity.Attr) int { return entity.Compare(entity.String(x.Key), entity.String(y.Key)) })
	a = append(a, h.Facts...)
	a = append(a,
		entity.A(entity.KeyType, entity.String(entity.TypeHost)),
		entity.A(entity.KeyName, entity.String(h.Name)),
		entity.A("Hostname", entity.String(h.Name)),
	)
	if len(h.Config) > 0 {
		a = append(a, entity.A("Config", entity.Map(h.Config)))
	}
	a = addStrings(a, "Limitations", h.Limitations)
	a = append(a, h.Attrs()...)
	return entity.Event{Ref: entity.HostRef(h.ID), Source: SourceHost, Attributes: a.Normalize()}
}
