package flowcapture

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/skein-net/skein/internal/flowrecord"
)

// schema is the part of a JSON schema that config.schema.yaml uses.
type schema struct {
	Properties map[string]*schema `yaml:"properties"`
	Defs       map[string]*schema `yaml:"$defs"`
	Ref        string             `yaml:"$ref"`
	Items      *schema            `yaml:"items"`
	Type       string             `yaml:"type"`
	Default    any                `yaml:"default"`
	Text       string             `yaml:"description"`
}

// TestSchema: the schema has the options of the configuration, with their types
// and defaults, and the README names every one of them.
func TestSchema(t *testing.T) {
	b, err := os.ReadFile("config.schema.yaml")
	require.NoError(t, err)
	var s schema
	require.NoError(t, yaml.Unmarshal(b, &s))
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	compareSchema(t, "", s.Defs, &s, reflect.ValueOf(*DefaultConfig()), string(readme))
}

func compareSchema(t *testing.T, path string, defs map[string]*schema, s *schema, v reflect.Value, readme string) {
	fields := 0
	for i := range v.NumField() {
		key := v.Type().Field(i).Tag.Get("mapstructure")
		if key == "" {
			continue
		}
		fields++
		name := strings.TrimPrefix(path+"."+key, ".")
		p := s.Properties[key]
		if p == nil {
			t.Errorf("the schema does not have %s", name)
			continue
		}
		if p.Text == "" {
			t.Errorf("%s has no description", name)
		}
		f := v.Field(i)
		switch {
		case f.Kind() == reflect.Struct:
			compareSchema(t, name, defs, p, f, readme)
			continue
		case f.Kind() == reflect.Slice && f.Type().Elem().Kind() == reflect.Struct:
			element := reflect.New(f.Type().Elem()).Elem()
			if key == "captures" {
				element.Set(reflect.ValueOf(DefaultCapture()))
			}
			compareSchema(t, name+"[]", defs, defs[strings.TrimPrefix(p.Items.Ref, "#/$defs/")], element, readme)
		default:
			compareValue(t, name, p, f)
		}
		if !regexp.MustCompile("(?m)^\\| `" + regexp.QuoteMeta(strings.TrimPrefix(strings.NewReplacer("captures[].", "", "applications[].", "").Replace(name), ".")) + "` \\|").MatchString(readme) {
			t.Errorf("the README does not have %s", name)
		}
	}
	if fields != len(s.Properties) {
		t.Errorf("%s: the schema has %d options, the configuration %d", path, len(s.Properties), fields)
	}
}

func compareValue(t *testing.T, name string, p *schema, f reflect.Value) {
	want := map[reflect.Kind]string{
		reflect.String: "string", reflect.Bool: "boolean", reflect.Int: "integer", reflect.Uint16: "integer", reflect.Slice: "array",
	}[f.Kind()]
	value := f.Interface()
	if d, ok := value.(time.Duration); ok {
		want = "string"
		parsed, err := time.ParseDuration(fmt.Sprint(p.Default))
		if err != nil || parsed != d {
			t.Errorf("%s: default %v, want %v", name, p.Default, d)
		}
	} else if d, ok := value.(Size); ok {
		want = "string"
		var parsed Size
		if err := parsed.UnmarshalText([]byte(fmt.Sprint(p.Default))); err != nil || parsed != d {
			t.Errorf("%s: default %v, want %v", name, p.Default, d)
		}
	} else if p.Default != nil && fmt.Sprint(p.Default) != fmt.Sprint(value) {
		t.Errorf("%s: default %v, want %v", name, p.Default, value)
	} else if p.Default == nil && !f.IsZero() {
		t.Errorf("%s: no default, want %v", name, value)
	}
	if p.Type != want {
		t.Errorf("%s: type %s, want %s", name, p.Type, want)
	}
}

// TestReadmeHasAttributes: every attribute that a record can have is explained.
func TestReadmeHasAttributes(t *testing.T) {
	b, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for _, f := range flowrecord.Fields() {
		if !strings.Contains(string(b), "`"+f.Wire+"`") {
			t.Errorf("the README does not explain %s", f.Wire)
		}
	}
	for _, a := range seriesAttributes() {
		if !strings.Contains(string(b), "| `"+a.name+"` | `"+a.obi+"` |") {
			t.Errorf("the README does not have the series attribute %s", a.name)
		}
	}
}
