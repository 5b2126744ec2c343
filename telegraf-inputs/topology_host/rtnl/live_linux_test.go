package rtnl

import (
	"context"
	"encoding/json"
	"testing"
)

func TestSmoke(t *testing.T) {
	c, err := Dial(Options{NetNS: -1, Groups: AllGroups})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	show := func(v any, err error) {
		b, _ := json.Marshal(v)
		t.Logf("%T %v %s", v, err, b)
	}
	show(c.Links(ctx))
	show(c.Addrs(ctx))
	show(c.Routes(ctx))
	show(c.Rules(ctx))
	show(c.Neighbors(ctx))
	show(c.FDB(ctx))
	show(c.Nexthops(ctx))
	show(c.NSIDs(ctx))
	show(c.Link(ctx, 1))
	show(c.Link(ctx, 9999))
	t.Logf("%+v %d %v", c.Counters(), c.ReceiveBuffer(), c.Groups() == AllGroups)
	go c.Close()
	_, err = c.Receive()
	t.Log(err)
}
