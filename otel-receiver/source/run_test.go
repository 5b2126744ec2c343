package source

import (
	"context"
	"errors"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEach(t *testing.T) {
	failed := errors.New("failed")
	for _, tc := range []struct {
		name string
		fn   func(ctx context.Context, i int) error
		want string
	}{
		{"all end", func(context.Context, int) error { return nil }, ""},
		{"one fails, the others end with it", func(ctx context.Context, i int) error {
			if i == 1 {
				return failed
			}
			<-ctx.Done()
			return nil
		}, "failed"},
		{"one panics, the others end with it", func(ctx context.Context, i int) error {
			if i == 2 {
				var nothing map[string]int
				write(nothing)
			}
			<-ctx.Done()
			return ctx.Err()
		}, "worker 2 panicked: assignment to entry in nil map"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := Each(t.Context(), 3, tc.fn)
			if tc.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil || err.Error() != tc.want {
				t.Fatalf("got %v, want %s", err, tc.want)
			}
			var p *PanicError
			if errors.As(err, &p) && !strings.Contains(string(p.Stack), "run_test.go") {
				t.Errorf("the stack does not tell where:\n%s", p.Stack)
			}
		})
	}
}

func TestEachWithoutWorkers(t *testing.T) {
	if err := Each(t.Context(), 0, nil); err != nil {
		t.Fatal(err)
	}
}

// write panics when there is no map.
func write(m map[string]int) { m["x"] = 1 }
