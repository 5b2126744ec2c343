package ruletest

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDocs runs the example of docs/alerts.md.
func TestDocs(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "alerts.md"))
	require.NoError(t, err)
	dir := t.TempDir()
	var found []string
	for _, block := range strings.Split(string(doc), "```yaml\n")[1:] {
		text, _, _ := strings.Cut(block, "```")
		switch {
		case strings.HasPrefix(text, "groups:") && len(found) == 0:
			found = append(found, "rules")
			require.NoError(t, os.WriteFile(filepath.Join(dir, "links.yaml"), []byte(text), 0o600))
		case strings.HasPrefix(text, "rule_files:"):
			found = append(found, "tests")
			require.NoError(t, os.WriteFile(filepath.Join(dir, "links_test.yaml"), []byte(text), 0o600))
		}
	}
	require.Equal(t, []string{"rules", "tests"}, found)
	t.Chdir(dir)
	var out bytes.Buffer
	ok, err := TestFile(t.Context(), "links_test.yaml", &out)
	require.NoError(t, err)
	require.True(t, ok, out.String())
	require.Contains(t, string(doc), "$ topologyctl test rules links_test.yaml\n"+out.String()+"```")
}
