package yamlerr

import (
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

type row struct {
	Name string   `yaml:"name"`
	Many []string `yaml:"many"`
	On   bool     `yaml:"on"`
}

func TestMistakes(t *testing.T) {
	w := Words{
		Fields: func(typ string) string { return typ + " has name, many and on" },
		Form: func(typ string) string {
			if typ == "[]string" {
				return "a list of texts"
			}
			return ""
		},
	}
	for _, tt := range []struct {
		text string
		want []string
	}{
		{"nam: x\n", []string{"line 1: there is no field nam; yamlerr.row has name, many and on"}},
		{"name: x\nmany: x\non: [1]\n", []string{"line 2: `x` cannot be used here; give a list of texts", "line 3: a list cannot be used here; give true or false"}},
		{"name: {a: 1}\n", []string{"line 1: a mapping cannot be used here; give a text"}},
		{"name: @x\n", []string{`found character that cannot start any token; write expressions such as "@Host" in quotes, and indent by spaces`}},
		{"- x\n", []string{"line 1: a list cannot be used here; give what docs/ has for it"}},
	} {
		dec := yaml.NewDecoder(strings.NewReader(tt.text))
		dec.KnownFields(true)
		err := dec.Decode(new(row))
		if err == nil {
			t.Fatalf("%q is right", tt.text)
		}
		var got []string
		for _, m := range w.Mistakes(err) {
			got = append(got, m.Error())
		}
		if strings.Join(got, "\n") != strings.Join(tt.want, "\n") {
			t.Errorf("%q:\n got %q\nwant %q", tt.text, got, tt.want)
		}
	}
}
