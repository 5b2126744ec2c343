package gremlin

import (
	"strings"

	"github.com/skein-net/skein/internal/entity"
)

// aliasCapture is how Skydive's queries name the captures of a node
// ([entity.KeyCaptures]), and of a flow the one that saw it (CaptureID):
// Has('Capture.Name', 'x').
const aliasCapture = "Capture"

// aliased gives a key of nodes and edges the name that it has in the graph.
func aliased(key string) string {
	if rest, ok := strings.CutPrefix(key, aliasCapture); ok && (rest == "" || rest[0] == '.') {
		return entity.KeyCaptures + rest
	}
	return key
}

// aliasedField gives a field of flows the name that it has in the table.
func aliasedField(key string) string {
	if key == aliasCapture+"."+entity.KeyName {
		return "CaptureID"
	}
	return key
}

// spelled gives a key the spelling that was begun: that of Skydive when the
// text asks for it.
func spelled(key, typed string) string {
	rest, ok := strings.CutPrefix(key, entity.KeyCaptures+".")
	if ok && strings.HasPrefix(typed, aliasCapture+".") {
		return aliasCapture + "." + rest
	}
	return key
}
