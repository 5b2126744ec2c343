// Package httpxtest asks test servers of topologyd's handlers. It is for tests
// only: what goes wrong ends the test that asked.
package httpxtest

import (
	"bytes"
	"io"
	"net/http"
	"testing"
)

// Do sends a request and returns the answer and its whole body. headers are
// names and values in turn. It must be called by the goroutine of the test.
func Do(t testing.TB, c *http.Client, method, url string, body []byte, headers ...string) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, answer
}
