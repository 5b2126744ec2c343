package fabric

import (
	"fmt"
	"strings"

	"github.com/skein-net/skein/internal/entity"
)

// CheckKey says why a user may not set an attribute: the graph keeps it itself.
func CheckKey(key string) error {
	if err := entity.ValidKey(key); err != nil {
		return fmt.Errorf("%q cannot be a key", key)
	}
	switch {
	case strings.HasPrefix(key, "@"):
		return fmt.Errorf("%s is a field of the graph's own; keys do not begin with @", key)
	case key == entity.KeyTID, key == "Metric", key == "LastUpdateMetric":
		return fmt.Errorf("%s is kept by the graph itself; choose another key", key)
	}
	return nil
}

func nodeKey(key string) error { return CheckKey(key) }

func linkKey(key string) error {
	if key == entity.KeyRelationType {
		return fmt.Errorf("%s is given by the arrow: -> or -->", key)
	}
	return CheckKey(key)
}

// matchKey allows whatever a node may have.
func matchKey(key string) error {
	if err := entity.ValidKey(key); err != nil {
		return fmt.Errorf("%q cannot be a key", key)
	}
	return nil
}
