package database

import (
	"fmt"

	"github.com/ovn-org/libovsdb/model"
	"github.com/ovn-org/libovsdb/ovsdb"
	"github.com/ovn-org/libovsdb/updates"
)

// apply brings the copy up to date. before gets the rows as they were, of those
// that it has not yet.
func (c *Conn) apply(rows ovsdb.TableUpdates2, before map[key]Row) (err error) {
	defer recoverNonsense(&err)
	for name, table := range rows {
		t, ok := c.adapter.tables[name]
		if !ok {
			return fmt.Errorf("%w: rows of table %s, which nobody asked for", errNonsense, name)
		}
		for uuid, u := range table {
			k := key{name, uuid}
			if _, ok := before[k]; !ok {
				before[k] = t.get(c.tables, uuid)
			}
			if err := c.applyRow(&t, k, u); err != nil {
				return fmt.Errorf("apply update of a row of table %s: %w", name, err)
			}
		}
	}
	return nil
}

func (c *Conn) applyRow(t *table, k key, u *ovsdb.RowUpdate2) error {
	if u == nil {
		return errNonsense
	}
	current := c.models[k]
	if current == nil && u.Modify != nil {
		return fmt.Errorf("%w: a row that is not there was modified", errNonsense)
	}
	var up updates.ModelUpdates
	if err := up.AddRowUpdate2(c.db, k.table, k.uuid, current, *u); err != nil {
		return fmt.Errorf("%w: %w", errNonsense, err)
	}
	return up.ForEachModelUpdate(k.table, func(_ string, _, now model.Model) error { //nolint:wrapcheck // our own
		if now == nil {
			delete(c.models, k)
			t.put(c.tables, k.uuid, nil)
			return nil
		}
		row, err := t.row(now)
		if err != nil {
			return err
		}
		c.models[k] = now
		t.put(c.tables, k.uuid, row)
		return nil
	})
}
