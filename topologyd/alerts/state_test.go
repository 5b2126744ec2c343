package alerts

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/topologyd/alert"
)

// TestSave reads back what was written, and leaves what is there when it cannot
// write.
func TestSave(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alerts.json")
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	none, err := load(path, 1<<20)
	require.NoError(t, err)
	require.Empty(t, none)
	rules := []savedRule{
		{Key: "a\x00b", State: &alert.Saved{Alerts: []alert.SavedAlert{{Labels: map[string]string{"alertname": "x"}, State: "firing", Since: at, Fired: at}}, Armed: []string{"1"}},
			Extra: map[string]savedNote{"k": {Notes: map[string]string{"around": "one\ntwo"}, Sent: at}}},
		{Key: "b", State: &alert.Saved{}},
	}
	require.NoError(t, save(path, at, rules, 1<<20))
	got, err := load(path, 1<<20)
	require.NoError(t, err)
	require.Equal(t, map[string]*savedRule{rules[0].Key: &rules[0], "b": &rules[1]}, got)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	require.ErrorIs(t, save(path, at, rules, 100), errTooLarge)
	require.Error(t, save(filepath.Join(path, "no", "directory"), at, rules, 1<<20))
	again, err := load(path, 1<<20)
	require.NoError(t, err)
	require.Equal(t, got, again)
	left, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, left, 1)
	_, err = load(path, 50)
	require.Error(t, err, "larger than it may be")
	_, err = load(filepath.Dir(path), 50)
	require.Error(t, err)
}

// FuzzLoad reads anything without a panic, and what it could read again after it
// was written.
func FuzzLoad(f *testing.F) {
	f.Add([]byte(`{"version":1,"rules":1}` + "\n" + `{"key":"k","state":{"alerts":[{"labels":{"alertname":"x"},"state":"firing","since":"2026-03-01T12:00:00Z"}]},"extra":{"a":{"sent":"2026-03-01T12:00:00Z"}}}`))
	f.Add([]byte(`{"version":2,"rules":-1}`))
	f.Add([]byte(`{"version":1,"rules":99999999999}`))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(dir, "in")
		require.NoError(t, os.WriteFile(path, data, 0o600))
		got, err := load(path, 1<<20)
		if err != nil {
			return
		}
		var rules []savedRule
		for _, r := range got {
			rules = append(rules, *r)
			m := machineOf(t)
			if r.State != nil {
				_ = m.Restore(r.State, time.Now()) // as it can be
			}
		}
		require.NoError(t, save(path, time.Now(), rules, 1<<30))
		again, err := load(path, 1<<30)
		require.NoError(t, err)
		require.Len(t, again, len(got))
	})
}

// machineOf is a machine of some rule.
func machineOf(t *testing.T) *alert.Machine {
	t.Helper()
	c, err := (&Spec{Alert: "x", Expr: "G.V()"}).compile("g")
	require.NoError(t, err)
	return alert.NewMachine(c)
}
