package query

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func defaults() Defaults { return Defaults{NodeLimit: 200, MaxRows: 5000} }

func TestParseDefaults(t *testing.T) {
	for text, check := range map[string]func(q *Query) bool{
		`{"queryType":"topology"}`: func(q *Query) bool {
			return q.Gremlin == "G" && q.NodeLimit == 200 && q.Arcs == ArcsState && q.WithTraffic() && q.ExpandVariable == "expand"
		},
		`{"queryType":"topology","nodeLimit":9000,"traffic":false,"arcs":"none","group":"host, type"}`: func(q *Query) bool {
			return q.NodeLimit == MaxNodes && !q.WithTraffic() && q.Arcs == ArcsNone && reflect.DeepEqual(q.Group, Strings{"host", "type"})
		},
		`{"queryType":"diff"}`: func(q *Query) bool { return q.Arcs == ArcsChange && q.View == ViewGraph && q.OnlyChanges() },
		`{"queryType":"diff","changesOnly":false,"view":"both"}`: func(q *Query) bool { return !q.OnlyChanges() && q.View == ViewBoth },
		`{"queryType":"table","gremlin":"  G.V()\n"}`:            func(q *Query) bool { return q.Gremlin == "  G.V()\n" },
		`{"queryType":"flows"}`:                                  func(q *Query) bool { return q.Flows == FlowsList && q.Limit == 100 },
		`{"queryType":"flows","flows":"sankey"}`:                 func(q *Query) bool { return q.By == "pair" && q.Limit == 20 },
		`{"queryType":"flows","limit":"9999"}`:                   func(q *Query) bool { return q.Limit == 5000 },
		`{"queryType":"timeseries"}`: func(q *Query) bool {
			return q.Series == SeriesInterface && q.Gremlin == "G.V()" && len(q.Fields) == 2 && q.Limit == 10 && q.PerSecond()
		},
		`{"queryType":"timeseries","series":"flows","rate":false,"limit":1000}`: func(q *Query) bool { return !q.PerSecond() && q.Limit == MaxSeries },
		`{"queryType":"events"}`: func(q *Query) bool { return q.What == WhatAll && q.Limit == 1000 },
		`{"queryType":"status","datasource":{"uid":"x"},"intervalMs":1000,"maxDataPoints":7,"hide":false,"key":"Q"}`: func(q *Query) bool { return q.Type == TypeStatus },
		`{"queryType":"topology","expand":"{host=a,host=b/type=veth}"}`: func(q *Query) bool {
			return reflect.DeepEqual(q.ExpandPaths(), []string{"host=a", "host=b/type=veth"})
		},
		`{"queryType":"table","gremlin":"G.V()","columns":["Name","","$__all"," Type "]}`: func(q *Query) bool {
			return reflect.DeepEqual(q.Columns, Strings{"Name", "Type"})
		},
	} {
		q, err := Parse([]byte(text), defaults())
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if !check(q) {
			t.Errorf("%s gives %+v", text, q)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for text, want := range map[string]string{
		``:                      "not the JSON of a query",
		`[]`:                    "not the JSON of a query",
		`{}`:                    "has no type: choose Topology",
		`{"queryType":"graph"}`: `unknown query type "graph": choose topology`,
		`{"queryType":"path"}`:  "ShortestPathTo",
		`{"queryType":"table"}`: "write Gremlin, for example",
		`{"queryType":5}`:       `"queryType" is a number: give a text`,
		`{"queryType":"topology","traffic":"yes"}`:                                   `"traffic" is a string: give true or false`,
		`{"queryType":"topology","filter":[]}`:                                       `"filter" is a array: give an object`,
		`{"queryType":"topology","nodeLimit":"many"}`:                                `"many" is not a whole number`,
		`{"queryType":"topology","nodeLimit":-3}`:                                    "nodeLimit is -3: give a number from 1 to 2000",
		`{"queryType":"topology","nodeLimit":1.5}`:                                   "1.5 is not a whole number",
		`{"queryType":"topology","arcs":"round"}`:                                    `unknown arcs "round": choose state, type, change or none`,
		`{"queryType":"topology","group":["a","b","c","d","e","f","g","h","i"]}`:     "more than 8 levels",
		`{"queryType":"topology","group":5}`:                                         "neither a list of texts nor one text",
		`{"queryType":"diff","view":"x"}`:                                            `unknown view "x"`,
		`{"queryType":"flows","flows":"x"}`:                                          `unknown flows "x"`,
		`{"queryType":"flows","filter":{"port":"80,http"}}`:                          `filter port "http": give numbers`,
		`{"queryType":"flows","filter":{"finished":"maybe"}}`:                        `unknown filter finished "maybe": choose true or false`,
		`{"queryType":"timeseries","series":"x"}`:                                    `unknown series "x"`,
		`{"queryType":"timeseries","series":"gremlin"}`:                              "ends in Metrics()",
		`{"queryType":"timeseries","series":"flows","filter":{"finished":"true"}}`:   "take that filter away",
		`{"queryType":"events","ops":["moved"]}`:                                     `unknown ops "moved"`,
		`{"queryType":"events","what":"things"}`:                                     `unknown what "things"`,
		`{"queryType":"topology","expand":"` + strings.Repeat("host=a,", 501) + `"}`: "501 groups",
		`{"queryType":"topology","gremlin":"` + strings.Repeat("x", MaxText) + `"}`:  "longer than 256 KiB",
	} {
		_, err := Parse([]byte(text), defaults())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.80s: error %v, want %q", text, err, want)
		}
	}
}

func TestFilter(t *testing.T) {
	q, err := Parse([]byte(`{"queryType":"flows","filter":{"node":"G.V().Has('Type', 'veth')","host":"a, b","port":"80,443","address":"$__all","finished":"$__all","application":"{HTTP,DNS}"}}`), defaults())
	if err != nil {
		t.Fatal(err)
	}
	f := q.Filter.Flows()
	if len(f.Node) != 1 || len(f.Host) != 2 || len(f.Port) != 2 || f.Address != nil || f.Finished != "" || len(f.Application) != 2 {
		t.Errorf("filter %+v", f)
	}
	if got := nodes("eth0,Greta"); len(got) != 2 {
		t.Errorf("names %q", got)
	}
}

func TestWithin(t *testing.T) {
	to := at("2026-03-01T12:00:00Z")
	for text, want := range map[string]string{
		"G.V()":         "G.Context('2026-03-01T12:00:00Z', '60s').V()",
		" g\n .V('x') ": "g.Context('2026-03-01T12:00:00Z', '60s').V('x')",
		"G":             "G.Context('2026-03-01T12:00:00Z', '60s')",
		"Graph.V()":     "",
		"":              "",
		"V()":           "",
	} {
		got, ok := Within(text, to, 60e9)
		if ok != (want != "") || ok && got != want {
			t.Errorf("%q: %q %v, want %q", text, got, ok, want)
		}
	}
	if got := Then(" G.V() ", "Count()"); got != "G.V().Count()" {
		t.Error(got)
	}
	if got := Quote(`it's \d`); got != `'it\'s \\d'` {
		t.Error(got)
	}
}

// FuzzParse checks that whatever is parsed is within bounds, and is the same
// query when it is written and parsed again.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`{"queryType":"topology","group":["host"],"expand":"host=a,b","nodeLimit":7}`, `{"queryType":"flows","filter":{"port":"80,443","finished":"true"},"limit":"5"}`,
		`{"queryType":"timeseries","series":"interface","fields":"RxBytes,TxBytes"}`, `{"queryType":"events","ops":["added"],"what":"nodes"}`, `{"queryType":"diff","view":"both","traffic":null}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		q, err := Parse(text, defaults())
		if err != nil {
			if len(err.Error()) > 2000 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
			return
		}
		if q.NodeLimit < 0 || q.NodeLimit > MaxNodes || q.Limit < 0 || q.Limit > MaxRows && q.Type == TypeFlows || len(q.ExpandPaths()) > 500 {
			t.Errorf("out of bounds: %+v", q)
		}
		b, err := json.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) > MaxText {
			return
		}
		again, err := Parse(b, defaults())
		if err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		c, _ := json.Marshal(again)
		if string(b) != string(c) {
			t.Errorf("%s\nand again\n%s", b, c)
		}
		q.Filter.Flows()
		Within(q.Gremlin, at("2026-03-01T12:00:00Z"), 60e9)
	})
}
