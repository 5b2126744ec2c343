package containertest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/netns"
	"github.com/skein-net/skein/telegraf-inputs/internal/feedtest"
)

// limit is how long anything may take to be seen.
const limit = 20 * time.Second

// Has waits until the container whose value at a path is that has values at
// other paths, given in turn.
func Has(t testing.TB, w *feedtest.World, path, value string, pathsAndValues ...string) (found entity.Event) {
	t.Helper()
	w.Eventually(t, limit, "container "+value, func(s feedtest.State) error {
		ev, ok := s.Find(entity.TypeContainer, path, value)
		if !ok {
			return fmt.Errorf("no such container among %d", len(s.All(entity.TypeContainer)))
		}
		for i := 0; i < len(pathsAndValues); i += 2 {
			if got := feedtest.Text(&ev, pathsAndValues[i]); got != pathsAndValues[i+1] {
				return fmt.Errorf("%s is %q, want %q in %s", pathsAndValues[i], got, pathsAndValues[i+1], entity.Map(ev.Attributes).Text())
			}
		}
		found = ev
		return nil
	})
	return found
}

// Gone waits until there is no such container.
func Gone(t testing.TB, w *feedtest.World, path, value string) {
	t.Helper()
	w.Eventually(t, limit, "container "+value+" is gone", func(s feedtest.State) error {
		if _, ok := s.Find(entity.TypeContainer, path, value); ok {
			return errors.New("it is there")
		}
		return nil
	})
}

// NetNSRef is the network namespace of a file, on the host h1.
func NetNSRef(t testing.TB, path string) entity.Ref {
	t.Helper()
	id, err := netns.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return entity.NetNSRef("h1", fmt.Sprint(id.Inode), fmt.Sprint(id.Dev))
}

// InNetNS checks that a container is in the namespace of its process, and in
// nothing else.
func InNetNS(t testing.TB, ev *entity.Event) {
	t.Helper()
	want := NetNSRef(t, "/proc/"+feedtest.Text(ev, "Container.InitProcessPID")+"/ns/net")
	if len(ev.Relationships) != 1 || !feedtest.Related(ev, entity.RelPartOf, want) {
		t.Errorf("%s is in %v, want %v", feedtest.Text(ev, "Name"), ev.Relationships, want)
	}
}
