package plugin

import (
	"bytes"
	"encoding/json"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
)

// typed returns the JSON of a query, with the query type that Grafana gives
// beside it when the JSON has none.
func typed(in *backend.DataQuery) []byte {
	if in.QueryType == "" {
		return in.JSON
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(in.JSON, &members) != nil {
		return in.JSON // Parse says what is wrong with it
	}
	if own := bytes.TrimSpace(members["queryType"]); len(own) > 2 {
		return in.JSON
	}
	if members == nil {
		members = map[string]json.RawMessage{}
	}
	name, err := json.Marshal(in.QueryType)
	if err != nil {
		return in.JSON
	}
	members["queryType"] = name
	if b, err := json.Marshal(members); err == nil {
		return b
	}
	return in.JSON
}
