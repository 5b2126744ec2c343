package ofprobe

import (
	"github.com/skein-net/skein/internal/entity"
)

// KeyOpenFlow is the attribute of a bridge with a summary of its OpenFlow state:
// the map {Version, Monitored, Rules, Groups, Cut}. Cut is how many rules and
// groups are no entities since there are more than MaxRules; it is missing when
// there are none.
const KeyOpenFlow = "OpenFlow"

// sizes is how many rules and groups there are, and how many of them are no
// entities.
func (f *follow) sizes() (rules, groups, cut int) {
	return len(f.rules.entries) + f.rules.over, len(f.groups.entries) + f.groups.over, f.rules.over + f.groups.over
}

// summarize says how many rules and groups there are.
func (f *follow) summarize() {
	f.tally()
	rules, groups, cut := f.sizes()
	a := entity.Attrs{
		entity.A("Version", entity.String(f.sess.Version.String())),
		entity.A("Monitored", entity.Bool(f.monitored)),
		entity.A("Rules", entity.Int(int64(rules))),
		entity.A("Groups", entity.Int(int64(groups))),
	}
	if cut > 0 {
		a = append(a, entity.A("Cut", entity.Int(int64(cut))))
		if len(f.rules.entries)+len(f.groups.entries) >= f.cfg.MaxRules {
			f.sayOnce("rules", "it has %d rules and groups; %d of them are left out (max_rules = %d)", rules+groups, cut, f.cfg.MaxRules)
		}
	}
	f.out.Set(entity.Event{
		Ref: f.bridge.Ref(), Source: Source,
		Attributes: entity.Attrs{entity.A(KeyOpenFlow, entity.Map(a.Normalize()))},
	})
}
