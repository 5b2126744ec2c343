package watches

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestWatches(t *testing.T) {
	w := Open()
	defer w.Close()
	if w.Dirs == nil {
		t.Skip("this system gives no notification")
	}
	dir := t.TempDir()
	if err := w.Dirs.Add(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	select {
	case ev := <-w.Events:
		if filepath.Base(ev.Name) != "x" {
			t.Errorf("event %v", ev)
		}
	case <-time.After(10 * time.Second):
		t.Error("no event")
	}
}

func TestNothingThere(t *testing.T) {
	w := &Watches{}
	w.Close()
	select {
	case <-w.Events:
		t.Error("an event from nowhere")
	case <-w.Ended:
		t.Error("an end from nowhere")
	default:
	}
}

func TestFailure(t *testing.T) {
	other := errors.New("no space left on device")
	for _, c := range []struct {
		received error
		open     bool
		lost     bool
		want     error
	}{
		{fsnotify.ErrEventOverflow, true, true, nil},
		{os.ErrNotExist, true, false, nil},
		{other, true, false, other},
		{nil, false, false, ErrEnded},
	} {
		lost, err := Failure(c.received, c.open)
		if lost != c.lost || !errors.Is(err, c.want) {
			t.Errorf("%v: %v, %v", c.received, lost, err)
		}
	}
}
