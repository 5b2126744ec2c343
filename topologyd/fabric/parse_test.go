package fabric

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
)

func TestParseLine(t *testing.T) {
	for line, want := range map[string]string{
		`A -> B`: "A -> B",
		`A->B`:   "A -> B",
		`TOR1[Name=tor1] -> TOR1_PORT1[Name=port1, MTU=1500]`: "TOR1[Name=tor1] -> TOR1_PORT1[MTU=1500,Name=port1]",
		`  A[ k = v w ]-->[Color=blue]B  `:                    "A[k=v w] --> [Color=blue] B",
		`P --> *[Type=host,Name=web-1]/eth0`:                  "P --> *[Name=web-1,Type=host]/eth0",
		`*[Type=host]/eth0 -> [a=1] P`:                        "*[Type=host]/eth0 -> [a=1] P",
		`P --> *[Type=host]`:                                  "P --> *[Type=host]",
		`leaf-1 -> Ethernet1/1`:                               "leaf-1 -> Ethernet1/1",
		`a-b-->c`:                                             "a-b --> c",
		`"a b" -> "c\"d\\"`:                                   `"a b" -> "c\"d\\"`,
		`"plain" -> "x-"`:                                     `plain -> "x-"`,
		`A[s="15",i=15,f=1.5,v=1.10,b=true,n=007,e=""]`:       `A[b=true,e="",f=1.5,i=15,n=007,s="15",v=1.10]`,
		`A[] --> [] B`:                                        "A --> B",
		`A[mac=52:54:00:00:00:01,u=http://x/?a=b]`:            "A[mac=52:54:00:00:00:01,u=http://x/?a=b]",
		`é#1 -> 日本`:                                           "é#1 -> 日本",
		`"#1" -> B`:                                           `"#1" -> B`,
		"A\t->\tB":                                            "A -> B",
		`"*" -> "[x]"`:                                        `"*" -> "[x]"`,
		`*["Ovs.K"=1]/"x y" --> A`:                            `*[Ovs.K=1]/"x y" --> A`,
	} {
		st, err := ParseLine(line)
		require.NoError(t, err, line)
		require.Equal(t, want, st.String(), line)
	}
	for _, line := range []string{"", "  \t", "# TOR1 -> X", "  #"} {
		st, err := ParseLine(line)
		require.NoError(t, err)
		require.Nil(t, st)
	}
	st, err := ParseLine(`A[s="15",i=15,f=1.5,v=1.10,b=true]`)
	require.NoError(t, err)
	require.True(t, entity.Attrs{
		entity.A("b", entity.Bool(true)), entity.A("f", entity.Float(1.5)), entity.A("i", entity.Int(15)),
		entity.A("s", entity.String("15")), entity.A("v", entity.String("1.10")),
	}.Equal(st.Parent.Attrs))
}

func TestMistakes(t *testing.T) {
	for line, want := range map[string]string{
		`A B`:                          `column 3: found "B", want -> (owns) or --> (joined by layer2)`,
		`A ->`:                         `column 5: found the end of the line, want a node, for example TOR1[Name=tor1] or *[Type=host]/eth0`,
		`-> B`:                         `column 1: found "-", want a node`,
		`A -> B -> C`:                  `column 8: found "-" after the second node; write one arrow a line`,
		`A - > B`:                      `column 3: found "-", want -> (owns) or --> (joined by layer2)`,
		`A[k] -> B`:                    `column 4: found "]" after the key k, want =`,
		`A[k=] -> B`:                   `column 5: k has no value; write "" for an empty one`,
		`A[k=v -> B`:                   `column 2: the list does not end; close it with ]`,
		`A[k=v,k=w]`:                   `column 7: the key k is there twice`,
		`A[k=v"x"]`:                    `column 6: found "\"" after the value of k, want , or ]`,
		`A["k] -> B`:                   `column 3: the text in quotes does not end; close it with "`,
		`A["k\n"=1]`:                   `column 5: a backslash may stand before " and \ only`,
		`é[TID=x]`:                     `column 3: TID is kept by the graph itself; choose another key`,
		`A[@ID=x]`:                     `column 3: @ID is a field of the graph's own`,
		`A -> [RelationType=x] B`:      `column 7: RelationType is given by the arrow: -> or -->`,
		`A -> *`:                       `column 7: found the end of the line after *, want what the nodes have, for example *[Type=host]/eth0`,
		`A -> *[]/eth0`:                `column 7: the match would be every node`,
		`A -> *[k=v]/`:                 `column 13: found the end of the line, want the name of what the node owns, for example eth0`,
		`*[k=v]`:                       `column 7: a match alone says nothing`,
		`*[k=v] --> *[k=w]`:            `column 12: both sides are nodes of the topology`,
		`A -> A`:                       `column 6: A is joined to itself`,
		`"" -> A`:                      `column 1: the name is empty`,
		`A--->B`:                       `column 2: the name A- ends in a hyphen`,
		"A -> B\x01":                   `column 7: there is a control character`,
		"A -> \xff":                    `column 6: the line is not valid UTF-8`,
		strings.Repeat("A", MaxName+1): `column 1: the name has 257 bytes`,
		strings.Repeat("A", MaxLine+1): `column 1: the line has 4097 bytes`,
		`A["` + strings.Repeat("k", 257) + `"=1]`: `column 3: the name has 257 bytes`,
		`A["k\\"=1]`: `column 3: "k\\" cannot be a key`,
	} {
		_, err := ParseLine(line)
		require.ErrorContains(t, err, want, line)
		var e *Error
		require.True(t, errors.As(err, &e))
	}
}

// FuzzLine: no panic, errors with a place within the line, and what is read is
// written and read the same.
func FuzzLine(f *testing.F) {
	for _, s := range []string{
		`TOR1[Name=tor1] -> TOR1_PORT1[Name=port1, MTU=1500]`, `P --> *[Type=host]/eth0`, `"a b" -> [k="\""] "*"`, `A`, `# x`,
		`*[a=1.5,b=true]/"x" -> B`, `A--->B`, `A[k=v`, "é --> \"",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		st, err := ParseLine(line)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Column < 1 || e.Column > len([]rune(line))+1 || e.Message == "" {
				t.Fatalf("%q: %v", line, err)
			}
			return
		}
		if st == nil {
			return
		}
		again, err := ParseLine(st.String())
		if len(st.String()) > MaxLine {
			return // quotes made it longer
		}
		if err != nil || !st.Equal(again) || st.String() != again.String() {
			t.Fatalf("%q: %q: %v", line, st.String(), err)
		}
		n := NewNetwork()
		for _, e := range n.Add([]string{line, line}) {
			t.Fatalf("%q: said twice: %v", line, e)
		}
	})
}
