package definition_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/skein-net/skein/topologyd/definition"
	"github.com/skein-net/skein/topologyd/definition/definitiontest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// note is a kind for tests.
type note struct {
	Text string `json:"text"`
}

func (n *note) Validate() error {
	if n.Text == "" {
		return errors.New("there is no text")
	}
	return nil
}

func kinds() []definition.Kind {
	k := definition.Kind{Name: "note", New: func() definition.Spec { return new(note) }}
	other := k
	other.Name = "memo"
	return []definition.Kind{k, other}
}

func newStore(t testing.TB, kv definition.KV, change func(*definition.Config, *definition.Deps), fixed ...*definition.Definition) *definition.Store {
	t.Helper()
	cfg := definition.DefaultConfig()
	cfg.Retry, cfg.ExpireEvery = time.Millisecond, time.Millisecond
	deps := definition.Deps{Log: slog.New(slog.DiscardHandler), Leads: func() bool { return true }, Now: time.Now}
	if change != nil {
		change(&cfg, &deps)
	}
	s, err := definition.New(cfg, deps, kinds(), fixed...)
	require.NoError(t, err)
	require.NoError(t, s.Start(t.Context(), kv))
	t.Cleanup(s.Stop)
	return s
}

func def(id, text string) *definition.Definition {
	return &definition.Definition{Kind: "note", ID: id, Name: "n-" + id, Spec: &note{text}}
}

// eventually polls until the condition holds.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	require.Eventually(t, ok, 20*time.Second, time.Millisecond, what)
}

func TestLifeOfADefinition(t *testing.T) {
	ctx := t.Context()
	kv := &definitiontest.KV{}
	s := newStore(t, kv, nil)
	a, err := s.Create(ctx, def("", "one"))
	require.NoError(t, err)
	require.Len(t, a.ID, 16)
	require.False(t, a.Created.IsZero())
	got, err := s.Get("note", a.ID)
	require.NoError(t, err, "what was written is read at once")
	require.Equal(t, a, got)

	_, err = s.Create(ctx, def(a.ID, "again"))
	require.ErrorIs(t, err, definition.ErrExists)
	memo := def(a.ID, "another kind")
	memo.Kind = "memo"
	_, err = s.Create(ctx, memo)
	require.NoError(t, err)
	require.Len(t, s.List("note"), 1)

	b := def(a.ID, "two")
	b.Revision = a.Revision
	b, err = s.Replace(ctx, b)
	require.NoError(t, err)
	require.Equal(t, a.Created, b.Created)
	require.Greater(t, b.Revision, a.Revision)
	old := def(a.ID, "three")
	old.Revision = a.Revision
	_, err = s.Replace(ctx, old)
	require.ErrorIs(t, err, definition.ErrConflict)
	require.Contains(t, err.Error(), fmt.Sprintf("at revision %d, not %d", b.Revision, a.Revision))

	again := newStore(t, kv, nil)
	got, err = again.Get("note", a.ID)
	require.NoError(t, err)
	require.Equal(t, b, got, "a replica reads the same")

	require.NoError(t, s.Delete(ctx, "note", a.ID))
	_, err = s.Get("note", a.ID)
	require.ErrorIs(t, err, definition.ErrNotFound)
	require.ErrorIs(t, s.Delete(ctx, "note", a.ID), definition.ErrNotFound)
	eventually(t, "the replica deletes it", func() bool { return len(again.List("note")) == 0 })
	_, err = s.Create(ctx, def(a.ID, "anew"))
	require.NoError(t, err)
}

func TestRefused(t *testing.T) {
	s := newStore(t, &definitiontest.KV{}, func(c *definition.Config, _ *definition.Deps) { c.MaxSize, c.MaxCount = 1000, 2 },
		&definition.Definition{Kind: "note", ID: "fixed", Spec: &note{}})
	for name, x := range map[string]struct {
		change func(*definition.Definition)
		want   error
		text   string
	}{
		"kind":        {func(d *definition.Definition) { d.Kind = "x" }, definition.ErrNotFound, `there is no kind "x"`},
		"id":          {func(d *definition.Definition) { d.ID = "A.b" }, definition.ErrInvalid, `id "A.b": use up to 63`},
		"hyphen":      {func(d *definition.Definition) { d.ID = "a-" }, definition.ErrInvalid, "no hyphen at the ends"},
		"name":        {func(d *definition.Definition) { d.Name = "a\nb" }, definition.ErrInvalid, "control character"},
		"long name":   {func(d *definition.Definition) { d.Name = strings.Repeat("x", 257) }, definition.ErrInvalid, "name of 257 bytes"},
		"description": {func(d *definition.Definition) { d.Description = "\xff" }, definition.ErrInvalid, "not valid UTF-8"},
		"expired":     {func(d *definition.Definition) { d.Expires = time.Now() }, definition.ErrInvalid, "which is past"},
		"no spec":     {func(d *definition.Definition) { d.Spec = nil }, definition.ErrInvalid, "there is no spec"},
		"spec":        {func(d *definition.Definition) { d.Spec = &note{} }, definition.ErrInvalid, "spec: there is no text"},
		"size":        {func(d *definition.Definition) { d.Spec = &note{strings.Repeat("x", 1000)} }, definition.ErrInvalid, "more than 1000"},
		"fixed":       {func(d *definition.Definition) { d.ID = "fixed" }, definition.ErrExists, `note "fixed"`},
	} {
		t.Run(name, func(t *testing.T) {
			d := def("a", "text")
			x.change(d)
			_, err := s.Create(t.Context(), d)
			require.ErrorIs(t, err, x.want)
			require.ErrorContains(t, err, x.text)
		})
	}
	ctx := t.Context()
	require.ErrorIs(t, s.Delete(ctx, "note", "fixed"), definition.ErrFixed)
	_, err := s.Replace(ctx, def("fixed", "x"))
	require.ErrorIs(t, err, definition.ErrFixed)
	_, err = s.Replace(ctx, def("none", "x"))
	require.ErrorIs(t, err, definition.ErrNotFound)
	for _, id := range []string{"a", "b"} {
		_, err = s.Create(ctx, def(id, "x"))
		require.NoError(t, err)
	}
	_, err = s.Create(ctx, def("c", "x"))
	require.ErrorIs(t, err, definition.ErrFull)
	require.Len(t, s.List("note"), 3, "the fixed one is listed and does not count")
	require.Equal(t, []string{"memo", "note"}, s.Kinds())

	for spec, text := range map[string]string{
		`{"text":"x","color":1}`: `there is no field "color"`,
		`{"text":5}`:             "text cannot be a JSON number",
		`{"text":"x"} {}`:        "text after the JSON value",
		`{`:                      "ends too early",
		`{"text":}`:              "JSON at byte",
		``:                       "there is no spec",
		`{}`:                     "there is no text",
	} {
		_, err := s.ReadSpec("note", []byte(spec))
		require.ErrorIs(t, err, definition.ErrInvalid, spec)
		require.ErrorContains(t, err, text, spec)
	}
	_, err = s.ReadSpec("x", []byte(`{}`))
	require.ErrorIs(t, err, definition.ErrNotFound)
}

func TestBucketFails(t *testing.T) {
	kv := &definitiontest.KV{}
	s := newStore(t, kv, nil)
	kv.Fail(errors.New("no quorum"))
	_, err := s.Create(t.Context(), def("a", "x"))
	require.ErrorIs(t, err, definition.ErrUnavailable)
	require.ErrorContains(t, err, "no quorum")
	require.Empty(t, s.List("note"))
	kv.Fail(nil)
	_, err = s.Create(t.Context(), def("a", "x"))
	require.NoError(t, err)
	kv.Fail(errors.New("no quorum"))
	require.ErrorIs(t, s.Delete(t.Context(), "note", "a"), definition.ErrUnavailable)
	require.Len(t, s.List("note"), 1)
	s.Stop()
	_, err = s.Create(t.Context(), def("b", "x"))
	require.ErrorIs(t, err, definition.ErrUnavailable)
	require.Len(t, s.List("note"), 1, "what was read can still be read")
}

// silent never answers.
type silent struct{ definitiontest.KV }

func (*silent) Watch(ctx context.Context, _ func(definition.Entry) error) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestStartGivesUp(t *testing.T) {
	cfg := definition.DefaultConfig()
	cfg.Timeout = time.Millisecond
	s, err := definition.New(cfg, definition.Deps{Log: slog.New(slog.DiscardHandler)}, kinds())
	require.NoError(t, err)
	require.ErrorContains(t, s.Start(t.Context(), &silent{}), "did not answer")
	_, err = definition.New(cfg, definition.Deps{}, append(kinds(), kinds()...))
	require.ErrorContains(t, err, "twice")
	_, err = definition.New(cfg, definition.Deps{}, nil, def("a", ""))
	require.ErrorContains(t, err, `no kind "note"`)
}

func TestBeginWaitsForTheBucket(t *testing.T) {
	cfg := definition.DefaultConfig()
	cfg.Retry = time.Millisecond
	s, err := definition.New(cfg, definition.Deps{Log: slog.New(slog.DiscardHandler), Leads: func() bool { return true }, Now: time.Now}, kinds())
	require.NoError(t, err)
	kv := &definitiontest.KV{}
	kv.Put("note.a", []byte(`{"version":1,"kind":"note","id":"a","spec":{"text":"x"}}`))
	var tries atomic.Int64
	s.Begin(func(context.Context) (definition.KV, error) {
		if tries.Add(1) < 5 {
			return nil, errors.New("no quorum")
		}
		return kv, nil
	})
	defer s.Stop()
	if !s.Ready() {
		_, err = s.Create(t.Context(), def("b", "x"))
		if err != nil {
			require.ErrorIs(t, err, definition.ErrUnavailable)
		}
	}
	eventually(t, "it is ready", s.Ready)
	require.NotEmpty(t, s.List("note"))
	require.EqualValues(t, 5, tries.Load())
}

func TestUnreadable(t *testing.T) {
	kv := &definitiontest.KV{}
	for key, value := range map[string]string{
		"note.newer":   `{"version":2,"name":"N","from":"the future"}`,
		"note.field":   `{"version":1,"kind":"note","id":"field","name":"F","spec":{"text":"x"},"more":1}`,
		"note.spec":    `{"version":1,"kind":"note","id":"spec","spec":{}}`,
		"note.garbage": "\x00",
		"note.kind":    `{"version":1,"kind":"memo","id":"kind","spec":{"text":"x"}}`,
		"note.none":    `{}`,
		"unknown.x":    `{}`,
		"note.good":    `{"version":1,"kind":"note","id":"good","spec":{"text":"x"}}`,
	} {
		kv.Put(key, []byte(value))
	}
	s := newStore(t, kv, nil)
	problems := map[string]string{}
	for _, d := range s.List("note") {
		problems[d.ID] = d.Problem
		require.Equal(t, d.Problem == "", d.Spec != nil)
	}
	require.Len(t, problems, 7)
	require.Empty(t, problems["good"])
	require.Contains(t, problems["newer"], "of version 2, this daemon reads up to 1; update")
	require.Contains(t, problems["field"], `no field "more"`)
	require.Contains(t, problems["spec"], "no text")
	require.Contains(t, problems["garbage"], "JSON at byte")
	require.Contains(t, problems["kind"], `a "memo", not a "note"`)
	require.Contains(t, problems["none"], "no version")
	_, err := s.Replace(t.Context(), def("garbage", "mended"))
	require.NoError(t, err)
	require.NoError(t, s.Delete(t.Context(), "note", "newer"))
}

func TestExpiry(t *testing.T) {
	var leads atomic.Bool
	var ahead atomic.Int64
	kv := &definitiontest.KV{}
	s := newStore(t, kv, func(_ *definition.Config, d *definition.Deps) {
		d.Leads = leads.Load
		d.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	})
	d := def("a", "x")
	d.Expires = time.Now().Add(time.Hour)
	_, err := s.Create(t.Context(), d)
	require.NoError(t, err)
	_, err = s.Create(t.Context(), def("b", "stays"))
	require.NoError(t, err)
	ahead.Store(int64(2 * time.Hour))
	require.Len(t, s.List("note"), 2, "only who leads deletes")
	leads.Store(true)
	eventually(t, "it expires", func() bool { return len(s.List("note")) == 1 })
	require.NotNil(t, kv.Get("note.b"))
}

func TestWatchReplaysAndFollows(t *testing.T) {
	s := newStore(t, &definitiontest.KV{}, nil)
	_, err := s.Create(t.Context(), def("a", "1"))
	require.NoError(t, err)
	events := make(chan string, 100)
	end := make(chan error)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		end <- s.Watch(ctx, "note", func(e definition.Event) error {
			events <- fmt.Sprint(e.ID, " ", e.Spec.(*note).Text, " ", e.Deleted)
			return nil
		})
	}()
	require.Equal(t, "a 1 false", <-events)
	_, err = s.Replace(t.Context(), def("a", "2"))
	require.NoError(t, err)
	require.Equal(t, "a 2 false", <-events)
	memo := def("m", "of no interest")
	memo.Kind = "memo"
	_, err = s.Create(t.Context(), memo)
	require.NoError(t, err)
	require.NoError(t, s.Delete(t.Context(), "note", "a"))
	require.Equal(t, "a 2 true", <-events)
	cancel()
	require.ErrorIs(t, <-end, context.Canceled)
	fail := errors.New("enough")
	_, err = s.Create(t.Context(), def("b", "1"))
	require.NoError(t, err)
	require.ErrorIs(t, s.Watch(t.Context(), "note", func(definition.Event) error { return fail }), fail)
}

// TestReplicasConverge does random things at several stores of one bucket,
// whose watches break, and behind their backs.
func TestReplicasConverge(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 1))
		kv := &definitiontest.KV{}
		var stores []*definition.Store
		for range 3 {
			stores = append(stores, newStore(t, kv, nil))
		}
		for i := range 200 {
			s, id := stores[rng.IntN(3)], fmt.Sprint("n", rng.IntN(8))
			var err error
			switch rng.IntN(8) {
			case 0, 1, 2:
				_, err = s.Create(t.Context(), def(id, fmt.Sprint(i)))
			case 3, 4:
				_, err = s.Replace(t.Context(), def(id, fmt.Sprint(i)))
			case 5:
				err = s.Delete(t.Context(), "note", id)
			case 6:
				kv.Break()
			default:
				b, merr := json.Marshal(struct {
					Version int    `json:"version"`
					Kind    string `json:"kind"`
					ID      string `json:"id"`
					Spec    note   `json:"spec"`
				}{1, "note", id, note{fmt.Sprint(i)}})
				require.NoError(t, merr)
				kv.Put("note."+id, b)
			}
			if err != nil && !errors.Is(err, definition.ErrExists) && !errors.Is(err, definition.ErrConflict) && !errors.Is(err, definition.ErrNotFound) {
				t.Fatal(err)
			}
		}
		for n, s := range stores {
			eventually(t, fmt.Sprintf("seed %d: store %d shows the bucket", seed, n), func() bool {
				count := 0
				for i := range 8 {
					id := fmt.Sprint("n", i)
					b := kv.Get("note." + id)
					d, err := s.Get("note", id)
					if (b == nil) != (err != nil) {
						return false
					}
					if b == nil {
						continue
					}
					count++
					var want struct{ Spec note }
					if json.Unmarshal(b, &want) != nil || want.Spec != *d.Spec.(*note) {
						return false
					}
				}
				return len(s.List("note")) == count
			})
		}
		for _, s := range stores {
			s.Stop()
		}
	}
}
