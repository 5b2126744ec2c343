package api

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/gremlin"
)

func TestNoneMatch(t *testing.T) {
	const tag = `W/"p-1-a"`
	for have, want := range map[string]bool{
		"":                                false,
		tag:                               true,
		`"p-1-a"`:                         true, // compared weakly
		`"other", ` + tag:                 true,
		`W/"a,b" , W/"c" ,W/"p-1-a"`:      true,
		`,, ` + tag:                       true,
		`W/"p-1-ab"`:                      false,
		`W/"P-1-A"`:                       false,
		`p-1-a`:                           false,
		`*`:                               false,
		`W/p-1-a`:                         false,
		`w/"p-1-a"`:                       false,
		`"p-1-a`:                          false,
		`"x" "p-1-a"`:                     false,
		tag + "x":                         false,
		`"x", nonsense, ` + tag:           false,
		strings.Repeat(`"x",`, 999) + tag: true,
	} {
		r := &http.Request{Header: http.Header{"If-None-Match": {have}}}
		if got := noneMatch(r, tag); got != want {
			t.Errorf("%.60s: %v", have, got)
		}
		if noneMatch(r, "") {
			t.Errorf("%.60s matches no tag", have)
		}
	}
	r := &http.Request{Header: http.Header{"If-None-Match": {`"x"`, tag}}}
	if !noneMatch(r, tag) {
		t.Error("two lines")
	}
}

func get(gremlin string, params ...string) string {
	v := url.Values{"gremlin": {gremlin}}
	for i := 0; i < len(params); i += 2 {
		v.Set(params[i], params[i+1])
	}
	return "/api/v1/query?" + v.Encode()
}

// set sets an attribute of an interface.
func (b *bench) set(index, key, value string) {
	at := time.Now()
	e := entity.Event{Ref: entity.InterfaceRef("h", "1", index), Source: "netlink", Time: at,
		Attributes:    entity.Attrs{entity.A("Name", entity.String("eth"+index)), entity.A(key, entity.String(value))}.Normalize(),
		Relationships: []entity.Relationship{{Type: entity.RelPartOf, Target: entity.NetNSRef("h", "1", "4")}}}
	p := b.graph.Prepare(&e, 0)
	b.graph.Apply(&p, at, nil)
}

func TestTags(t *testing.T) {
	b := newBench(t, nil)
	b.fill(3)
	query := get("G.V().Has('Name','eth1')")
	resp, _ := b.do(http.MethodGet, query, "")
	tag := resp.Header.Get("ETag")
	if tag == "" || resp.Header.Get("Cache-Control") != "no-cache" || !strings.Contains(strings.Join(resp.Header.Values("Vary"), ","), "Accept") {
		t.Fatalf("%v", resp.Header)
	}
	same, nothing := b.do(http.MethodGet, query, "", "If-None-Match", tag)
	if same.StatusCode != 304 || nothing != "" || same.Header.Get("ETag") != tag || same.Header.Get(HeaderRevision) == "" || same.Header.Get(HeaderKind) != "nodes" {
		t.Errorf("%d %q %v", same.StatusCode, nothing, same.Header)
	}
	if same, _ := b.query("G.V().Has('Name','eth1')", "If-None-Match", tag); same.StatusCode != 304 {
		t.Errorf("POST: %d", same.StatusCode)
	}
	if same, _ := b.do(http.MethodHead, query, "", "If-None-Match", tag); same.StatusCode != 304 {
		t.Errorf("HEAD: %d", same.StatusCode)
	}
	// Another question is another answer, and so is another form of it.
	for name, other := range map[string]string{
		"another query": get("G.V().Has('Name','eth2')"),
		"ndjson":        query + "&format=ndjson",
		"csv":           query + "&format=csv",
		"dot":           query + "&format=dot",
		"lower limit":   query + "&results=5",
		"bytes":         query + "&bytes=5000",
		"time":          query + "&timeout=1s",
		"partial":       query + "&partial=1",
		"now by name":   query + "&at=NOW",
	} {
		if other, _ := b.do(http.MethodGet, other, "", "If-None-Match", tag); other.StatusCode != 200 || other.Header.Get("ETag") == tag {
			t.Errorf("%s: %d %v", name, other.StatusCode, other.Header)
		}
	}
	for name, change := range map[string]func(){
		"an attribute": func() { b.set("1", "State", "DOWN") },
		"another node": func() { b.set("77", "State", "UP") },
		"a counter": func() {
			at := time.Now()
			if !b.graph.SetMetric(entity.InterfaceRef("h", "1", "1").UUID(), at, entity.Attrs{entity.A("RxBytes", entity.Int(5))}) {
				t.Error("the counter was not taken")
			}
		},
	} {
		resp, _ := b.do(http.MethodGet, query, "")
		tag = resp.Header.Get("ETag")
		change()
		if resp, answer := b.do(http.MethodGet, query, "", "If-None-Match", tag); resp.StatusCode != 200 || answer == "" {
			t.Errorf("after %s: %d", name, resp.StatusCode)
		}
	}
	// Nor is the tag of one daemon, or of before a restart, that of another.
	resp, _ = b.do(http.MethodGet, query, "")
	other := newBench(t, nil)
	other.fill(3)
	for range 20 {
		other.set("1", "State", time.Now().String())
		if resp, _ := other.do(http.MethodGet, query, "", "If-None-Match", resp.Header.Get("ETag")); resp.StatusCode != 200 {
			t.Fatalf("another daemon: %d", resp.StatusCode)
		}
	}
}

// What depends on more than the graph has no tag, and neither has what failed.
func TestNoTag(t *testing.T) {
	b := newBench(t, nil)
	b.fill(3)
	a := b.api
	v := b.graph.View()
	for text, want := range map[string]bool{
		"G.V().Count()":                               true,
		"G.V().Metrics()":                             true,
		"G.At(NOW).V()":                               true,
		"G.At('-1h').V()":                             false,
		"G.At(1700000000).V()":                        false,
		"G.Context('-1h', '10m')":                     false,
		"G.At(NOW,'1h').V()":                          false,
		"G.V().G.At('-1s').V()":                       false,
		"G.Flows()":                                   false,
		"G.Flows().Count()":                           false,
		"G.V().Flows().Metrics()":                     false,
		"G.Flows().Nodes()":                           false,
		"G.V().Repeat(Out()).Times(2).Values('Name')": true,
		"G.V().Where(Out().Count().Is(GT(0)))":        true,
		"G.V().Where(Flows())":                        false,
		"G.V().Not(Flows().Has('Application','DNS'))": false,
		"G.V().Where(At('-1h'))":                      false,
	} {
		q, err := gremlin.Parse(text)
		if err != nil {
			// What a sub-traversal may not hold is refused: then it has no tag either.
			if want || !strings.Contains(text, "Where(") && !strings.Contains(text, "Not(") {
				t.Errorf("%s: %v", text, err)
			}
			continue
		}
		asked := &asked{queryRequest: &queryRequest{question: question{Gremlin: text}}, query: q, media: typeJSON}
		if got := a.tag(asked, v) != ""; got != want {
			t.Errorf("%s: tag %v", text, got)
		}
		asked.Explain = true
		if a.tag(asked, v) != "" {
			t.Errorf("explain %s has a tag", text)
		}
		asked.Explain, asked.At = false, "NOW"
		if a.tag(asked, v) != "" {
			t.Errorf("%s of a time has a tag", text)
		}
	}
	for _, path := range []string{get("G.V("), get("G.V()", "results", "1"), get("G.V()", "at", "-1h"), get("G.V()", "format", "x")} {
		if resp, answer := b.do(http.MethodGet, path, ""); resp.StatusCode == 200 || resp.Header.Get("ETag") != "" {
			t.Errorf("%s: %d %v %s", path, resp.StatusCode, resp.Header, answer)
		}
	}
}

// While the graph changes, an answer is 304 only when it would be the same.
func TestTagsRace(t *testing.T) {
	b := newBench(t, nil)
	b.fill(3)
	values := []string{"a", "b", "c"}
	stop := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				b.set("1", "State", values[i%len(values)])
				time.Sleep(50 * time.Microsecond) // to let others at the graph
			}
		}
	})
	query := get("G.V().Has('Name','eth1').Values('State')")
	answers := map[string]string{} // by tag
	unchanged := 0
	var tag string
	for i := range 2000 {
		headers := []string{}
		if tag != "" {
			headers = []string{"If-None-Match", tag}
		}
		resp, answer := b.do(http.MethodGet, query, "", headers...)
		switch resp.StatusCode {
		case 200:
			tag = resp.Header.Get("ETag")
			if have, ok := answers[tag]; ok && have != answer {
				t.Fatalf("request %d: tag %s is of %s and of %s", i, tag, have, answer)
			}
			answers[tag] = answer
		case 304:
			unchanged++
		default:
			t.Fatalf("%d %s", resp.StatusCode, answer)
		}
	}
	close(stop)
	writer.Wait()
	if len(answers) < 2 {
		t.Errorf("the graph did not change: %d answers, %d unchanged", len(answers), unchanged)
	}
	// At rest the tag stays, and what it says is true.
	resp, answer := b.do(http.MethodGet, query, "")
	if have, ok := answers[resp.Header.Get("ETag")]; ok && have != answer {
		t.Errorf("%s, was %s", answer, have)
	}
	if resp, _ := b.do(http.MethodGet, query, "", "If-None-Match", resp.Header.Get("ETag")); resp.StatusCode != 304 {
		t.Errorf("at rest: %d", resp.StatusCode)
	}
}
