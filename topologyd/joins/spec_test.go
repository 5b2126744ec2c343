package joins

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/topologyd/definition"
	"github.com/skein-net/skein/topologyd/join"
)

func TestBuiltIn(t *testing.T) {
	specs, err := Parse(builtin)
	require.NoError(t, err)
	require.NotEmpty(t, specs)
	for i := range specs {
		s := &specs[i]
		require.NoError(t, definition.ValidID(s.Name), "a definition can stand instead")
		require.NotEmpty(t, s.Description, s.Name)
		require.False(t, s.Disabled)
		again, err := join.Parse([]byte(s.Row.JSON()))
		require.NoError(t, err)
		require.True(t, again.Equal(s.Row))
	}
}

// TestBuiltInIsDocumented looks for every row in the documentation.
func TestBuiltInIsDocumented(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "joins.md"))
	require.NoError(t, err)
	specs, err := Parse(builtin)
	require.NoError(t, err)
	for _, s := range specs {
		require.Contains(t, string(doc), "`"+s.Name+"`")
	}
}

func TestParse(t *testing.T) {
	const row = "joins:\n  - name: n\n    kind: edge\n    relation: layer2\n    from: {entity: a, key: [Name]}\n    to: {entity: b, where: [{key: IfIndex, not_in: [1, true]}], key: [Name]}\n"
	specs, err := Parse([]byte(row))
	require.NoError(t, err)
	require.Len(t, specs, 1)
	require.Equal(t, []string{"1", "true"}, specs[0].To.Where[0].NotIn)
	require.Equal(t, "layer2", specs[0].named("n").Relation)

	specs, err = Parse([]byte("joins:\n  - {name: n, disabled: true}\n"))
	require.NoError(t, err)
	require.Nil(t, specs[0].named("n"))

	for name, text := range map[string]string{"nothing": "", "no rows": "joins: []", "a comment": "# none\n"} {
		specs, err := Parse([]byte(text))
		require.NoError(t, err, name)
		require.Empty(t, specs, name)
	}
	tests := []struct{ name, old, new, want string }{
		{"no YAML", row, "joins: [", "did not find expected node content"},
		{"another document", row, row + "---\njoins: []\n", "more than one document"},
		{"unknown field", "kind:", "sort: x\n    kind:", "line 3: there is no field sort; a row has name, disabled, description, kind, priority, from, to, relation, attributes, symmetric and prefer"},
		{"unknown field of a condition", row, "joins: [{name: n, from: {where: [{notin: [a]}]}}]", "line 1: there is no field notin; a condition has key, in"},
		{"no rows", row, "rows: []", "line 1: there is no field rows; the file has the field joins"},
		{"a list", row, "- name: n", "line 1: a list cannot be used here; give the field joins, with a list of rows below it"},
		{"wrong type", "relation: layer2", "relation: [x]", "line 4: a list cannot be used here; give a text"},
		{"a text for a list", row, "joins: [{name: n, from: {key: a into b}}]", "line 1: `a into b` cannot be used here; give a list of texts"},
		{"one condition", row, "joins: [{name: n, from: {where: {key: Type}}}]", "line 1: a mapping cannot be used here; give a list of conditions, for example [{key: Type, in: [tun]}]"},
		{"no side", row, "joins: [{name: n, from: interface}]", "line 1: `interface` cannot be used here; give a side, for example {entity: interface, key:"},
		{"no quotes", row, "joins: [{name: n, from: {entity: a, key: [@Host]}}]", `found character that cannot start any token; write expressions such as "@Host" in quotes`},
		{"no name", "- name: n\n    ", "- ", "row 1 has no name"},
		{"bad name", "name: n", "name: a/b", `row 1: name "a/b" of a join`},
		{"twice", row, row + strings.TrimPrefix(row, "joins:\n"), "join n is there twice"},
		{"bad row", "kind: edge", "kind: both", `join n: kind "both" is not known`},
		{"bad row that is disabled", "kind: edge", "disabled: true\n    kind: both", `join n: kind "both" is not known`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse([]byte(strings.Replace(row, tt.old, tt.new, 1)))
			require.ErrorContains(t, err, tt.want)
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

// FuzzParse reads files: none makes a panic, and what is read is sound.
func FuzzParse(f *testing.F) {
	f.Add(builtin)
	f.Add([]byte("joins:\n  - {name: n, disabled: true}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		specs, err := Parse(b)
		if err != nil {
			return
		}
		for i := range specs {
			if row := specs[i].named(specs[i].Name); row != nil {
				require.NoError(t, row.Validate())
			}
		}
	})
}

// spec reads a specification as a definition has it.
func spec(t testing.TB, text string) *Spec {
	t.Helper()
	s := new(Spec)
	require.NoError(t, definition.Strict([]byte(text), s))
	return s
}

const edgeSpec = `{"kind":"edge","relation":"layer2","from":{"entity":"a","key":["Name"]},"to":{"entity":"b","key":["Name"]}}`

func TestSpec(t *testing.T) {
	s := spec(t, edgeSpec)
	require.NoError(t, s.Validate())
	b, err := json.Marshal(s)
	require.NoError(t, err)
	require.JSONEq(t, edgeSpec, string(b), "stored without a name")
	require.Equal(t, "x", s.named("x").Name)
	require.Empty(t, s.Name)

	s = spec(t, `{"disabled":true}`)
	require.NoError(t, s.Validate())
	b, err = json.Marshal(s)
	require.NoError(t, err)
	require.JSONEq(t, `{"disabled":true}`, string(b))
	require.Nil(t, s.named("x"))

	for text, want := range map[string]string{
		`{"from":"interface"}`:                    "from cannot be a JSON string at byte 19; give an object",
		`{"from":{"key":"Name"}}`:                 "from.key cannot be a JSON string at byte 21; give an array",
		`{"from":{"where":{"key":"Type"}}}`:       "from.where cannot be a JSON object",
		`{"attributes":{"Type":5}}`:               "attributes cannot be a JSON number at byte 23; give a string",
		`{"symmetric":"yes"}`:                     "symmetric cannot be a JSON string at byte 18; give true or false",
		`{"priority":1.5}`:                        "priority cannot be a JSON number 1.5 at byte 15; give a whole number",
		`{"from":{"entity":"a","keys":["Name"]}}`: `there is no field "keys"`,
		`{"joins":[]}`:                            `there is no field "joins"`,
	} {
		require.ErrorContains(t, definition.Strict([]byte(text), new(Spec)), want)
	}
	require.ErrorContains(t, spec(t, `{}`).Validate(), "there is no row")
	require.ErrorContains(t, spec(t, `{"name":"x"}`).Validate(), "leave out name")
	require.ErrorContains(t, spec(t, `{"kind":"both"}`).Validate(), "from: there is no entity")
}

// TestFiles reads files of rows; that they are followed is tested by package
// confile.
func TestFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	var log logLines
	f, err := newFiles([]string{path}, log.logger())
	require.NoError(t, err)
	write := func(text string) { require.NoError(t, os.WriteFile(path, []byte(text), 0o600)) }
	write("joins: [{name: n, disabled: true}]")
	require.True(t, f.Read(time.Now()))
	require.Equal(t, "n", f.List()[0].Value[0].Name)
	write("joins: [{name: n, disabled: true}] # as before")
	require.False(t, f.Read(time.Now()))
	write("joins: [{name: n}]")
	require.True(t, f.Read(time.Now()))
	require.Contains(t, f.List()[0].Problem, "read rows: ")
	require.Equal(t, 1, log.count("file of joins cannot be used"))
	write("#" + strings.Repeat("x", maxFile))
	require.True(t, f.Read(time.Now()))
	require.Contains(t, f.List()[0].Problem, "more than 1048576 bytes")

	_, err = newFiles([]string{"/etc/["}, log.logger())
	require.ErrorContains(t, err, "is no pattern of files")
}
