package database

import (
	"context"
	"fmt"

	"github.com/ovn-org/libovsdb/ovsdb"
)

// Statistics returns the column statistics of all rows of the table Interface:
// counters by name, by the UUID of the row. ovs-vswitchd writes them every 5
// seconds, so they are asked for and not monitored.
func (c *Conn) Statistics(ctx context.Context) (map[string]map[string]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	op := ovsdb.Operation{Op: ovsdb.OperationSelect, Table: "Interface", Columns: []string{"_uuid", "statistics"}}
	var res []ovsdb.OperationResult
	if err := c.rpc.call(ctx, "transact", ovsdb.NewTransactArgs(databaseName, op), &res); err != nil {
		return nil, fmt.Errorf("select statistics: %w", err)
	}
	if len(res) != 1 || res[0].Error != "" {
		return nil, fmt.Errorf("select statistics: %w: the answer is %+v", errNonsense, res)
	}
	out := make(map[string]map[string]int64, len(res[0].Rows))
	for _, row := range res[0].Rows {
		uuid, ok := row["_uuid"].(ovsdb.UUID)
		if !ok {
			continue
		}
		values, ok := row["statistics"].(ovsdb.OvsMap)
		if !ok || len(values.GoMap) == 0 {
			continue
		}
		m := make(map[string]int64, len(values.GoMap))
		for k, v := range values.GoMap {
			name, ok := k.(string)
			n, isNumber := v.(float64)
			if ok && isNumber {
				m[name] = int64(n)
			}
		}
		out[uuid.GoUUID] = m
	}
	return out, nil
}
