package docker

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/telegraf-inputs/internal/feed"
	"github.com/skein-net/skein/telegraf-inputs/internal/feedtest"
	model "github.com/skein-net/skein/telegraf-inputs/topology_containers/container"
)

// TestRandom changes containers at random, while connections break and everything
// is listed again all the time: in the end what is reported is what there is.
func TestRandom(t *testing.T) {
	const containers, changes = 12, 600
	r := rand.New(rand.NewPCG(8, 6))
	states := []string{"created", "running", "paused", "exited"}
	e := startEngine(t)
	w := watchFeed(t, e.socket, model.SourceDocker, "", nil, func(c *feed.Config) {
		c.Resync, c.RetryMin, c.RetryMax = 20*time.Millisecond, time.Millisecond, 5*time.Millisecond
	})
	now := make(map[string]string)
	for n := range changes {
		c := id(r.IntN(containers))
		action := "update"
		if r.IntN(5) == 0 {
			delete(now, c)
			e.remove(c)
			action = "destroy"
		} else {
			now[c] = states[r.IntN(len(states))]
			e.set(c, now[c], "")
		}
		if r.IntN(50) == 0 {
			e.cut() // and the event is lost
		} else {
			e.event(action, c)
		}
		if n%20 == 0 {
			e.pause(t)
		}
	}
	e.cut()
	w.Eventually(t, soon, "what there is", func(s feedtest.State) error {
		if err := count(s, len(now)); err != nil {
			return err
		}
		for c, status := range now {
			if err := has(c, "Container.Status", status)(s); err != nil {
				return fmt.Errorf("container %s: %w", c, err)
			}
		}
		return nil
	})
	w.See(func(s feedtest.State) {
		if s.Added-s.Deleted != len(s.All(entity.TypeContainer)) {
			t.Errorf("%d added, %d deleted, %d there", s.Added, s.Deleted, len(now))
		}
		t.Logf("%d added, %d deleted", s.Added, s.Deleted)
	})
}

// pause lets the other side work until it has listed once more.
func (e *engine) pause(t *testing.T) {
	t.Helper()
	listed := func() int {
		e.mu.Lock()
		defer e.mu.Unlock()
		return e.listed
	}
	before := listed()
	proctest.Eventually(t, soon, "a listing", func() error {
		if listed() == before {
			return errors.New("none")
		}
		return nil
	})
}
