package plugin

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestNothingDiffers: the graph is shown as it is, and a notice says so.
func TestNothingDiffers(t *testing.T) {
	asked := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		nodes := `{"id":"8c9e9407-73b2-5c8f-9871-1c27c78e99bb","node":{"ID":"8c9e9407-73b2-5c8f-9871-1c27c78e99bb","Metadata":{"Name":"br0","Type":"bridge"}}}`
		if strings.Contains(string(body), `"changes_only":true`) {
			nodes = ""
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"since":"2026-11-23T05:10:00Z","nodes":[%s],"edges":[]}`, nodes)
	}))
	defer srv.Close()
	d := open(t, srv.URL, nil)
	r := reply(t, d, `{"queryType":"diff"}`)
	if r.Error != nil || len(r.Frames) != 2 || r.Frames[0].Rows() != 1 || asked != 2 {
		t.Fatalf("%v, %d frames after %d questions", r.Error, len(r.Frames), asked)
	}
	notices := fmt.Sprint(r.Frames[0].Meta.Notices)
	if !strings.Contains(notices, "Nothing differs") {
		t.Error(notices)
	}
}
