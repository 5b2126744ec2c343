package verify

import (
	"fmt"
	"testing"
)

func TestClaims(t *testing.T) {
	c := claims{
		"one": []byte(`"a"`), "many": []byte(`["a","b c",""]`), "number": []byte(`1`), "mixed": []byte(`["a",1]`), "nothing": []byte(`null`),
		"https://example.org/groups": []byte(`["url"]`), "realm_access": []byte(`{"roles":["x"],"in":{"ner":["y"]}}`), "scope": []byte(`"read write"`),
	}
	for name, want := range map[string]string{
		"one": "[a]", "many": "[a b c]", "number": "[]", "mixed": "[]", "nothing": "[]", "none": "[]", "https://example.org/groups": "[url]",
		"realm_access.roles": "[x]", "realm_access.in.ner": "[y]", "realm_access.none": "[]", "one.a": "[]", "realm_access": "[]", "scope": "[read write]",
	} {
		if got := fmt.Sprint(c.texts(name)); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}
