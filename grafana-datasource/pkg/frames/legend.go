package frames

import (
	"regexp"
	"slices"
	"strings"

	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// legend fills labels in a text.
func legend(text string, labels data.Labels) string {
	return regexp.MustCompile(`\{\{\s*([^{}]*?)\s*\}\}`).ReplaceAllStringFunc(text, func(m string) string {
		return labels[strings.TrimSpace(m[2:len(m)-2])]
	})
}

// usualName is how a series is called when nobody says: what it is of, on which
// host, and what is counted; else the values of all labels.
func usualName(labels data.Labels) string {
	if name := labels["Name"]; name != "" {
		if host := labels["Host"]; host != "" && host != name {
			name += " on " + host
		}
		if field := labels["field"]; field != "" {
			name += " " + field
		}
		return name
	}
	keys := make([]string, 0, len(labels))
	for k := range labels {
		if k != "field" {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	var parts []string
	for _, k := range keys {
		if labels[k] != "" {
			parts = append(parts, labels[k])
		}
	}
	if field := labels["field"]; field != "" {
		parts = append(parts, field)
	}
	return strings.Join(parts, " ")
}
