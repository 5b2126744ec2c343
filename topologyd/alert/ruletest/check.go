package ruletest

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/skein-net/skein/topologyd/alert"
)

// Labels that are looked at only when they are expected, or not at all.
const (
	labelAlert = "alertname"
	labelID    = "id"
)

// check compares what fires with what a case expects; nil: it is the same.
func (b *bench) check(c *Case) (*Failure, error) {
	var firing []alert.Alert
	for _, r := range b.rules {
		if r.c.Rule.Alert != c.Alertname {
			continue
		}
		for a := range r.m.Alerts() {
			if a.State == alert.Firing {
				firing = append(firing, a)
			}
		}
	}
	want := make([]Alert, len(c.ExpAlerts))
	for i, x := range c.ExpAlerts {
		var err error
		if want[i].Labels, err = b.expand(x.Labels); err != nil {
			return nil, err
		}
		if want[i].Annotations, err = b.expand(x.Annotations); err != nil {
			return nil, err
		}
	}
	// What is the same is taken away on both sides. Those that expect more come
	// first, so that they are not left without what another one takes.
	slices.SortStableFunc(want, func(a, b Alert) int { return b.size() - a.size() })
	var missing []string
	for i := range want {
		if at := slices.IndexFunc(firing, want[i].is); at >= 0 {
			firing = slices.Delete(firing, at, at+1)
		} else {
			missing = append(missing, words(want[i].Labels, want[i].Annotations))
		}
	}
	if len(missing) == 0 && len(firing) == 0 {
		return nil, nil
	}
	f := &Failure{Alertname: c.Alertname, Time: c.EvalTime, Want: missing}
	for _, a := range firing {
		f.Got = append(f.Got, words(a.Labels, a.Annotations))
	}
	slices.Sort(f.Got)
	slices.Sort(f.Want)
	return f, nil
}

// expand puts in the IDs of elements.
func (b *bench) expand(texts map[string]string) (map[string]string, error) {
	if texts == nil {
		return nil, nil
	}
	out := make(map[string]string, len(texts))
	for name, text := range texts {
		var err error
		if out[name], err = b.text.Expand(text); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (w *Alert) size() int { return len(w.Labels) + len(w.Annotations) }

// is reports whether an alert is the one that is expected.
func (w *Alert) is(a alert.Alert) bool {
	ignore := func(labels map[string]string) map[string]string {
		out := maps.Clone(labels)
		delete(out, labelAlert)
		if _, ok := w.Labels[labelID]; !ok {
			delete(out, labelID)
		}
		return out
	}
	return maps.Equal(ignore(w.Labels), ignore(a.Labels)) && (w.Annotations == nil || maps.Equal(w.Annotations, a.Annotations))
}

// words is an alert for people.
func words(labels, annotations map[string]string) string {
	list := func(m map[string]string) string {
		var b strings.Builder
		for i, name := range slices.Sorted(maps.Keys(m)) {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(name + "=" + strconv.Quote(m[name]))
		}
		return "{" + b.String() + "}"
	}
	labels = maps.Clone(labels)
	delete(labels, labelAlert)
	return fmt.Sprintf("Labels:%s Annotations:%s", list(labels), list(annotations))
}
