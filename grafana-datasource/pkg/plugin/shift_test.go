package plugin

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/skein-net/skein/grafana-datasource/pkg/query"
	"github.com/skein-net/skein/topologyd/client"
)

// FuzzShift checks that a position is always one in the text that the user
// wrote, with the line and the column that it has there.
func FuzzShift(f *testing.F) {
	f.Add("G.V().Hsa()", 40)
	f.Add("  G\n .V()\n.Hsa('ü')", 50)
	f.Add("", 0)
	f.Add("é", 3)
	f.Fuzz(func(t *testing.T, written string, offset int) {
		sent, _ := query.Within(written, time.Unix(1772366400, 0), time.Hour)
		sent = query.Then(sent, "Metrics()")
		told := &client.Error{Status: 400, Code: client.CodeSyntax, Message: "line 1, column 9: wrong", Position: &client.Position{Offset: offset, Line: 1, Column: 9}}
		var got *client.Error
		if !errors.As(shift(told, written, sent), &got) {
			t.Fatal("another error")
		}
		if got == told || got.Position == nil {
			return
		}
		p := got.Position
		if p.Offset < 0 || p.Offset > len(written) || p.Line != 1+strings.Count(written[:p.Offset], "\n") || p.Column < 1 {
			t.Errorf("%+v in %q", p, written)
		}
		if want := fmt.Sprintf("line %d, column %d: wrong", p.Line, p.Column); got.Message != want {
			t.Errorf("%q, want %q", got.Message, want)
		}
		if offset >= 0 && offset < len(sent) && p.Offset < len(strings.TrimRightFunc(written, unicode.IsSpace)) && sent[offset] != written[p.Offset] {
			t.Errorf("%d of %q became %d of %q", offset, sent, p.Offset, written)
		}
	})
}
