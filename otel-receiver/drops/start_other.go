//go:build !linux

package drops

import (
	"context"
	"errors"
)

// start implements [Table.Start]: only Linux says why it drops packets.
func (t *Table) start(context.Context) error {
	t.problem("kfree_skb", errors.New("only Linux says why it drops packets"), "")
	return nil
}
