package verify

import (
	"strings"
	"testing"

	"github.com/skein-net/skein/topologyd/auth"
	"github.com/skein-net/skein/topologyd/auth/authfile"
)

// FuzzAuthorization: whatever a header holds, either it is refused, or it is exactly
// a scheme and a token of the file.
func FuzzAuthorization(f *testing.F) {
	for _, h := range []string{"Bearer " + viewerToken, "Token " + viewerToken, "Bearer", "Basic x", "Bearer  a b", "bearer ey.ey.ey", "", "Bearer " + expiredToken} {
		f.Add(h)
	}
	file, err := authfile.Parse([]byte(rows("")))
	if err != nil {
		f.Fatal(err)
	}
	v, err := New(Config{File: "x", Reload: 1, ClockSkew: 1, KeysEvery: 1, KeysWithin: 1, FetchTimeout: 1, JWTs: 1, FailureRate: 1}, Deps{})
	if err != nil {
		f.Fatal(err)
	}
	v.state.Store(&state{file: file, tokens: newTokens(file.Tokens)})
	f.Fuzz(func(t *testing.T, header string) {
		id, err := v.Identify(t.Context(), auth.Credentials{Authorization: header})
		if (id == nil) == (err == nil) {
			t.Fatal(id, err)
		}
		if err != nil {
			return
		}
		scheme, token, _ := strings.Cut(header, " ")
		token = strings.Trim(token, " ")
		if s := strings.ToLower(scheme); s != "bearer" && s != "token" || token != viewerToken && token != hostToken {
			t.Errorf("%q is %s", header, id.Name)
		}
	})
}
