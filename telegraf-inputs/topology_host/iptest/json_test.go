package iptest

import (
	"encoding/json"
	"reflect"
	"testing"
)

func TestParse(t *testing.T) {
	docs, err := parse([]byte("[{\"dst\":\"10.0.0.0/8\",\"dst\":\"100/200\",\"n\":null,\"f\":1.5,\"i\":-3,\"l\":[true]}]\n[]\n"))
	if err != nil || len(docs) != 2 {
		t.Fatalf("%d documents, %v", len(docs), err)
	}
	o := objects(docs[0])[0]
	if o.get("dst") != "10.0.0.0/8" || o.last("dst") != "100/200" {
		t.Errorf("key twice: %v, %v", o.get("dst"), o.last("dst"))
	}
	if !o.has("n") || o.get("n") != nil || o.get("f") != 1.5 || o.num("i") != -3 {
		t.Errorf("values: %v", o)
	}
	for _, bad := range []string{"[", "{\"a\"", "{\"a\":", "[1", "]", "x"} {
		if _, err := parse([]byte(bad)); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}

// FuzzParse checks that what encoding/json reads is read alike.
func FuzzParse(f *testing.F) {
	for _, s := range []string{`[{"a":1,"b":[null,true,"x"]}]`, `[] []`, `{"a":{"b":1.5e3}}`, `9223372036854775808`, ``, `[`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		docs, err := parse(b)
		if err != nil || len(docs) != 1 {
			return
		}
		var want any
		if err := json.Unmarshal(b, &want); err != nil {
			t.Fatalf("parse takes what encoding/json does not: %v", err)
		}
		text, err := json.Marshal(last(docs[0]))
		if err != nil {
			t.Fatal(err)
		}
		var got any
		if err := json.Unmarshal(text, &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s became %s", b, text)
		}
	})
}

// last turns objects to maps that keep the last of several values, as
// encoding/json does.
func last(v any) any { return plainJSON(v) }
