package entity_test

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/entity/entitytest"
)

func TestParseJSON(t *testing.T) {
	for in, want := range map[string]string{
		` null `:                          `null`,
		`true`:                            `true`,
		"\t[ false , 1 , 1.0 , \"x\" ]\n": `[false,1,1.0,"x"]`,
		`{"b":1,"a":{"c":null},"b":2}`:    `{"a":{},"b":2}`,
		`[]`:                              `[]`,
		`{}`:                              `{}`,
		`-0`:                              `0`,
		`-0.0`:                            `-0.0`,
		`1e3`:                             `1000.0`,
		`1E+30`:                           `1e+30`,
		`0.0000001`:                       `1e-07`,
		`9223372036854775807`:             `9223372036854775807`,
		`9223372036854775808`:             `9223372036854776000.0`,
		`"\u0041\n\/\ud83e\uddf6"`:        `"A\n/🧶"`,
		`"\ud83e"`:                        `"` + "\uFFFD" + `"`,
		`"\ud83eA"`:                       `"` + "\uFFFD" + `A"`,
		`"\uddf6\ud83e\ud83e\uddf6"`:      `"` + "\uFFFD\uFFFD" + `🧶"`,
		`"\u0000\u001f` + "\u007f" + `"`:  `"\u0000\u001f` + "\u007f" + `"`,
	} {
		v, err := entity.ParseJSON(in)
		if err != nil {
			t.Errorf("%s: %v", in, err)
		} else if got := string(v.AppendJSON(nil)); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

func TestParseJSONErrors(t *testing.T) {
	for in, want := range map[string]string{
		``:                           `JSON at byte 0: unexpected end`,
		` `:                          `JSON at byte 1: unexpected end`,
		`nul`:                        `JSON at byte 0: want a value`,
		`1 2`:                        `JSON at byte 2: text after the value`,
		`01`:                         `JSON at byte 1: text after the value`,
		`-`:                          `JSON at byte 0: want a number`,
		`1.`:                         `JSON at byte 0: want a number`,
		`-.5`:                        `JSON at byte 0: want a number`,
		`.5`:                         `JSON at byte 0: want a value`,
		`+1`:                         `JSON at byte 0: want a value`,
		`1e`:                         `JSON at byte 0: want a number`,
		`[1e+]`:                      `JSON at byte 1: want a number`,
		`1.e5`:                       `JSON at byte 0: want a number`,
		`0x1`:                        `JSON at byte 1: text after the value`,
		`1e999`:                      `JSON at byte 0: number out of range`,
		`[1,]`:                       `JSON at byte 3: want a value`,
		`[1`:                         `JSON at byte 2: want ',' or ']'`,
		`[null]`:                     `JSON at byte 5: null in a list`,
		`{"a"}`:                      `JSON at byte 4: want ':'`,
		`{"a":1`:                     `JSON at byte 6: want ',' or '}'`,
		`{"a":1,}`:                   `JSON at byte 7: want a string`,
		`{a:1}`:                      `JSON at byte 1: want a string`,
		`"`:                          `JSON at byte 1: string does not end`,
		`"\`:                         `JSON at byte 2: string does not end`,
		`"\"`:                        `JSON at byte 3: string does not end`,
		`"\x"`:                       `JSON at byte 3: unknown escape`,
		`"\u12g4"`:                   `JSON at byte 3: want four hexadecimal digits after \u`,
		`"\u12`:                      `JSON at byte 3: want four hexadecimal digits after \u`,
		"\"\n\"":                     `JSON at byte 1: control character in a string`,
		"\"\\n\n\"":                  `JSON at byte 4: control character in a string`,
		"\"\xff\"":                   `JSON at byte 3: string is not valid UTF-8`,
		"\"\\n\xff\"":                `JSON at byte 5: string is not valid UTF-8`,
		strings.Repeat("[", 100_000): `JSON at byte 20: nested too deep`,
	} {
		v, err := entity.ParseJSON(in)
		if err == nil || err.Error() != want || !v.IsZero() {
			t.Errorf("%.40s: got %s, %v, want %s", in, v.Text(), err, want)
		}
	}
}

func TestAttrsUnmarshalJSON(t *testing.T) {
	var a entity.Attrs
	for _, bad := range []string{`[]`, `1`, `null`, `{`} {
		if err := a.UnmarshalJSON([]byte(bad)); err == nil {
			t.Errorf("%s was read", bad)
		}
	}
	var v struct {
		A entity.Attrs
		V entity.Value
	}
	if err := json.Unmarshal([]byte(`{"A":{"b":[1]},"V":"x"}`), &v); err != nil {
		t.Fatal(err)
	}
	if b, err := json.Marshal(v); err != nil || string(b) != `{"A":{"b":[1]},"V":"x"}` {
		t.Errorf("got %s: %v", b, err)
	}
}

// TestJSONRoundTrip: what is written is JSON to encoding/json too, and reads
// as the same value.
func TestJSONRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		e := entitytest.Event(r)
		v := entity.Map(e.Attributes)
		js := v.AppendJSON(nil)
		if !json.Valid(js) {
			t.Fatalf("not JSON: %s", js)
		}
		got, err := entity.ParseJSON(string(js))
		if err != nil || !got.Equal(v) {
			t.Fatalf("%s: got %s: %v", js, got.Text(), err)
		}
	}
}

func TestAppendJSONStringReplacesBadUTF8(t *testing.T) {
	for _, s := range []string{"\xff", "a\xc3", "\xe4\xb8", "é\xffx\"\xfe"} {
		var got string
		if err := json.Unmarshal(entity.AppendJSONString(nil, s), &got); err != nil {
			t.Fatal(err)
		}
		want, _ := json.Marshal(s)
		var std string
		if err := json.Unmarshal(want, &std); err != nil || got != std {
			t.Errorf("%q: got %q, encoding/json %q (%v)", s, got, std, err)
		}
	}
}

// FuzzParseJSON compares with encoding/json: what one reads the other reads,
// except for what ParseJSON says it refuses.
func FuzzParseJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,-2.5e3,"x\u00e9\n"],"b":{"c":null}}`, `[[[]]]`, `"\ud83e\uddf6"`, `1.`, `-.5`, `1e999`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := entity.ParseJSON(s)
		if valid := json.Valid([]byte(s)); err == nil && !valid {
			t.Fatalf("not JSON, read as %s", v.Text())
		} else if err != nil {
			for _, why := range []string{"nested too deep", "out of range", "null in a list", "UTF-8"} {
				if strings.HasSuffix(err.Error(), why) || strings.Contains(err.Error(), why) {
					return
				}
			}
			if valid && utf8.ValidString(s) {
				t.Fatalf("JSON, but %v", err)
			}
			return
		}
		js := string(v.AppendJSON(nil))
		again, err := entity.ParseJSON(js)
		if err != nil || !again.Equal(v) {
			t.Fatalf("%s: %s: %v", js, again.Text(), err)
		}
		if v.Kind() == entity.KindString {
			var std string
			if json.Unmarshal([]byte(s), &std) != nil || std != v.Str() {
				t.Fatalf("got %q, encoding/json %q", v.Str(), std)
			}
		}
	})
}

func BenchmarkParseJSON(b *testing.B) {
	const s = `[{"IP":"10.0.0.1","MAC":"52:54:00:12:34:56","State":["REACHABLE"]},{"IP":"10.0.0.2","MAC":"52:54:00:12:34:57","State":["STALE"]}]`
	b.ReportAllocs()
	b.SetBytes(int64(len(s)))
	for b.Loop() {
		if _, err := entity.ParseJSON(s); err != nil {
			b.Fatal(err)
		}
	}
}
