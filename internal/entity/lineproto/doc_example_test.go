package lineproto

import (
	"os"
	"strings"
	"testing"

	"github.com/skein-net/skein/internal/entity"
)

// TestDocumentedExample reads the line that docs/formats/line-protocol.md shows
// and computes the node ID that its tag names.
func TestDocumentedExample(t *testing.T) {
	doc, err := os.ReadFile("../../../docs/formats/line-protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(doc), "```\n")
	line, _, found := strings.Cut(text, "\n```")
	if !found {
		t.Fatal("the document shows no line")
	}
	var dec Decoder
	rec, err := dec.Decode([]byte(line))
	if err != nil || rec.Kind != IsEvent {
		t.Fatalf("%v: %+v", err, rec)
	}
	if err := rec.Event.Validate(); err != nil {
		t.Fatal(err)
	}
	if id := rec.Event.Ref.UUID().String(); !strings.Contains(line, ","+entity.TagEntity+"="+id+",") {
		t.Errorf("the node ID of %+v is %s", rec.Event.Ref, id)
	}
}
