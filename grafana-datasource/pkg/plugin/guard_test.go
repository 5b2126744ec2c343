package plugin

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
)

// TestGuarded: the process serves all data sources; a mistake in one request
// is an error of that request.
func TestGuarded(t *testing.T) {
	err := guarded(t.Context(), "test", func() error { panic("oops") })
	var p *problem
	if !errors.As(err, &p) || p.status != backend.StatusInternal || p.source != backend.ErrorSourcePlugin || !strings.Contains(p.message, "report it") {
		t.Errorf("%#v", err)
	}
	own := errors.New("own")
	if err := guarded(t.Context(), "test", func() error { return own }); !errors.Is(err, own) {
		t.Error(err)
	}
	d := &Datasource{tick: 1}
	err = d.every(t.Context(), func(context.Context) error { panic("oops") }, func(context.Context) error { return nil })
	if !errors.As(err, &p) {
		t.Errorf("a stream: %v", err)
	}
}
