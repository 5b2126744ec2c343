package overview

import (
	"fmt"
	"slices"
	"strings"
)

// Levels that are not the key of an attribute.
const (
	// LevelHost is the host.id.
	LevelHost = "host"
	// LevelNamespace is the network namespace: the nearest owner of Type netns,
	// the node itself included; else the host.
	LevelNamespace = "namespace"
	// LevelOwner is the node that owns it.
	LevelOwner = "owner"
	// LevelType is the Type.
	LevelType = "type"
)

// Bounds on what may be asked.
const (
	// DefaultLimit is the number of nodes when none is asked for, MaxLimit the
	// most that may be.
	DefaultLimit = 200
	MaxLimit     = 2000
	// MaxLevels is the largest number of levels.
	MaxLevels = 8
	// MaxExpand is the largest number of groups to open.
	MaxExpand = 256

	maxKeyLength  = 256
	maxPathLength = 8 << 10
)

// All stands for every group among those to open.
const All = "*"

// DefaultLevels are those of who names none.
func DefaultLevels() []string { return []string{LevelHost, LevelNamespace, LevelType} }

// Options say what the picture is to look like.
type Options struct {
	// Levels are those of grouping, coarse to fine: a Level constant or the key of
	// an attribute as in queries. Empty is [DefaultLevels].
	Levels []string
	// Expand are the paths of groups to open (see [ParsePath]), or [All]. Those of
	// groups that are not there, or of other levels, are ignored. In place of a
	// value its label may stand.
	Expand []string
	// Limit is the most nodes and groups that are shown, 0 is [DefaultLimit].
	Limit int
	// ChangesOnly leaves out what is the same on both sides of a difference, apart
	// from the ends of changed edges and the owners of changed nodes.
	ChangesOnly bool
}

// Overview draws pictures. It is immutable and may be used by several
// goroutines.
type Overview struct {
	levels      []string
	expand      []Path
	all         bool
	limit       int
	changesOnly bool
}

// New checks options. The error says what is wrong with which of them.
func New(opt Options) (*Overview, error) {
	o := &Overview{levels: opt.Levels, limit: opt.Limit, changesOnly: opt.ChangesOnly}
	if o.limit == 0 {
		o.limit = DefaultLimit
	}
	if o.limit < 1 || o.limit > MaxLimit {
		return nil, fmt.Errorf("limit %d: want 1 to %d", opt.Limit, MaxLimit)
	}
	if len(o.levels) == 0 {
		o.levels = DefaultLevels()
	}
	if len(o.levels) > MaxLevels {
		return nil, fmt.Errorf("group: there are more than %d levels", MaxLevels)
	}
	for i, l := range o.levels {
		switch {
		case strings.TrimSpace(l) == "":
			return nil, fmt.Errorf("group: level %d is empty; give host, namespace, owner, type or the key of an attribute", i+1)
		case len(l) > maxKeyLength:
			return nil, fmt.Errorf("group: level %d is longer than %d bytes", i+1, maxKeyLength)
		case slices.Contains(o.levels[:i], l):
			return nil, fmt.Errorf("group: level %q is there twice", l)
		}
	}
	if len(opt.Expand) > MaxExpand {
		return nil, fmt.Errorf("expand: there are more than %d groups to open", MaxExpand)
	}
	for _, text := range opt.Expand {
		switch text = strings.TrimSpace(text); text {
		case "":
		case All:
			o.all = true
		default:
			p, err := ParsePath(text)
			if err != nil {
				return nil, fmt.Errorf("expand: %w", err)
			}
			if o.fits(p) {
				o.expand = append(o.expand, p)
			}
		}
	}
	return o, nil
}

// Levels returns the levels of grouping. The caller must not change them.
func (o *Overview) Levels() []string { return o.levels }

// fits reports whether a path follows the levels.
func (o *Overview) fits(p Path) bool {
	if len(p) == 0 || len(p) > len(o.levels) {
		return false
	}
	for i := range p {
		if p[i].Level != o.levels[i] {
			return false
		}
	}
	return true
}
