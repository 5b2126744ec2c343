package verify

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/skein-net/skein/topologyd/auth/authfile"
)

// TestDocument: the example in docs/security.md is a file that is taken, and each
// reason of a refusal is told there.
func TestDocument(t *testing.T) {
	b, err := os.ReadFile("../../../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(b), "```yaml\n")
	example, _, _ = strings.Cut(example, "```")
	f, err := authfile.Parse([]byte(example))
	if err != nil || len(f.Tokens) != 2 || len(f.Certificates) != 1 || f.OIDC == nil {
		t.Errorf("%v, %+v", err, f)
	}
	source, err := parser.ParseFile(token.NewFileSet(), "errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	reasons := 0
	ast.Inspect(source, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "Reason") {
			return true
		}
		reason, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(b), "`"+reason+"`") {
			t.Errorf("docs/security.md says nothing of %s", reason)
		}
		reasons++
		return true
	})
	if reasons < 10 {
		t.Errorf("only %d reasons were found", reasons)
	}
}
