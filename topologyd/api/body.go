package api

import (
	"io"
	"net/http"

	"github.com/skein-net/skein/topologyd/api/httpx"
)

// readBody reads the whole body of a request, of at most so many bytes.
func readBody(w http.ResponseWriter, r *http.Request, most int64) ([]byte, *failure) {
	body, err := httpx.OpenBody(w, r, httpx.BodyLimits{Bytes: most, Pause: queryBodyPause})
	if err != nil {
		return nil, bodyFailure(err)
	}
	defer body.Close()
	data, err := io.ReadAll(body)
	if err != nil {
		return nil, bodyFailure(err)
	}
	return data, nil
}
