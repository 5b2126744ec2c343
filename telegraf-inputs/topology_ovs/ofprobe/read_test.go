package ofprobe

import (
	"testing"
	"time"

	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/openflow"
)

// A part of an answer that cannot be read is left out; those after it are not.
func TestUnreadablePart(t *testing.T) {
	f, messages := benchFollow(t)
	now := time.Now()
	f.rulesReq = newRequest(openflow.KindFlowStats, 1, now)
	f.rules.begin()
	head := openflow.HeaderLen
	messages[1].Body[head], messages[1].Body[head+1] = 0, 5 // the length of its first rule
	for _, m := range messages {
		if err := f.rulesPart(m, now); err != nil {
			t.Fatal(err)
		}
	}
	f.flush(now)
	if n := len(f.rules.entries); n < 3000 || n >= 5000 {
		t.Errorf("%d rules", n)
	}
	if f.rules.entries["table=7,priority=49,in_port=4999"] == nil {
		t.Error("the last rule is missing")
	}
	if got := f.stats.undecoded.Get(); got != 1 {
		t.Errorf("%d parts could not be read", got)
	}
	if got := f.stats.truncated.Get(); got != 0 {
		t.Errorf("%d reads are said to be too long", got)
	}
}
