package table

import (
	"errors"
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	var progress, out strings.Builder
	tb := New(&progress)
	tb.Add("restart", "3 s", "%.2f s", 1.5)
	tb.Add("disk", "", "%d B", 70)
	if got, want := progress.String(), "restart: 1.50 s\ndisk: 70 B\n"; got != want {
		t.Errorf("progress is %q, want %q", got, want)
	}
	if err := tb.Print(&out); err != nil {
		t.Fatal(err)
	}
	head, rows, _ := strings.Cut(out.String(), "\n\n")
	if !strings.HasPrefix(head, "Measured by `make bench` on ") {
		t.Errorf("head is %q", head)
	}
	if want := "| what | measured | goal |\n| --- | --- | --- |\n| restart | 1.50 s | 3 s |\n| disk | 70 B |  |\n"; rows != want {
		t.Errorf("rows are %q, want %q", rows, want)
	}
	if err := tb.Print(broken{}); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
}

var errBroken = errors.New("broken")

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errBroken }
