package overview_test

import (
	"strings"
	"testing"

	"github.com/skein-net/skein/topologyd/overview"
	"github.com/skein-net/skein/topologyd/overview/overviewtest"
)

func TestOptions(t *testing.T) {
	many := make([]string, 300)
	for i := range many {
		many[i] = "host=a"
	}
	for want, opt := range map[string]overview.Options{
		"limit -1: want 1 to 2000":   {Limit: -1},
		"limit 2001: want 1 to 2000": {Limit: 2001},
		"group: level 2 is empty; give host, namespace, owner, type or the key of an attribute":                     {Levels: []string{"host", " "}},
		`group: level "host" is there twice`:                                                                        {Levels: []string{"host", "host"}},
		"group: level 1 is longer than 256 bytes":                                                                   {Levels: []string{strings.Repeat("x", 257)}},
		"group: there are more than 8 levels":                                                                       {Levels: many[:9]},
		"expand: there are more than 256 groups to open":                                                            {Expand: many},
		`expand: "host" is not the path of a group; write for example host=paris/type=veth, or * for all`:           {Expand: []string{"host"}},
		`expand: "host=a//type=b" is not the path of a group; write for example host=paris/type=veth, or * for all`: {Expand: []string{"host=a//type=b"}},
		`expand: path "host=%4": there are no two hexadecimal digits after %`:                                       {Expand: []string{"host=%4"}},
		`expand: path "ho%xx=a": there are no two hexadecimal digits after %`:                                       {Expand: []string{"ho%xx=a"}},
		"expand: a path is longer than 8192 bytes":                                                                  {Expand: []string{strings.Repeat("x", 8193)}},
		`expand: path "a=/a=/a=/a=/a=/a=/a=/a=/a=" has more than 8 levels`:                                          {Expand: []string{"a=/a=/a=/a=/a=/a=/a=/a=/a="}},
	} {
		if _, err := overview.New(opt); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	o, err := overview.New(overview.Options{})
	if err != nil || strings.Join(o.Levels(), " ") != "host namespace type" {
		t.Errorf("%v %v", o.Levels(), err)
	}
}

func TestPath(t *testing.T) {
	for text, want := range map[string]overview.Path{
		"host=paris/type=veth":             {{Level: "host", Value: "paris"}, {Level: "type", Value: "veth"}},
		"host=/type=":                      {{Level: "host"}, {Level: "type"}},
		"Docker.Labels.a%2Fb=x%3Dy%2C%20z": {{Level: "Docker.Labels.a/b", Value: "x=y, z"}},
		"@Host=00:11~a-b_c.d+e":            {{Level: "@Host", Value: "00:11~a-b_c.d+e"}},
		"k=é%00":                           {{Level: "k", Value: "é\x00"}},
		"k=%FF":                            {{Level: "k", Value: "\xff"}},
	} {
		p, err := overview.ParsePath(text)
		if err != nil || p.String() != want.String() || want.String() != text {
			t.Errorf("%s: %v %v, want %s", text, p, err, want)
		}
	}
	p, err := overview.ParsePath("host=a/others")
	if err != nil || p.String() != "host=a" {
		t.Errorf("%v %v", p, err)
	}
}

// FuzzPath: what can be read is written so that it is read again the same, and
// whatever is asked, the picture is one.
func FuzzPath(f *testing.F) {
	for _, s := range []string{"host=a", "host=%2f/namespace=b/type=c", "others", "*", "k=%", "=", "a=/=b", "host=host-1,type=veth", "é=\xff"} {
		f.Add(s, "host,namespace,type", 9)
	}
	f.Add("type=veth", "type", 5)
	v := small().Graph().View()
	f.Fuzz(func(t *testing.T, text, levels string, limit int) {
		p, err := overview.ParsePath(text)
		if err == nil {
			again, err := overview.ParsePath(p.String())
			if len(p) > 0 && (err != nil || again.String() != p.String()) {
				t.Fatalf("%q: %v, read again %v %v", text, p, again, err)
			}
			for i := range again {
				if len(p) != len(again) || p[i] != again[i] {
					t.Fatalf("%q: %v, read again %v", text, p, again)
				}
			}
		}
		opt := overview.Options{Expand: strings.Split(text, ","), Limit: limit}
		if levels != "" {
			opt.Levels = strings.Split(levels, ",")
		}
		if _, err := overview.New(opt); err != nil {
			return
		}
		draw(t, whole(v), opt)
	})
}

// The generator makes what its comments say.
func TestGenerator(t *testing.T) {
	v := overviewtest.Large().Graph().View()
	if v.NodeCount() != 4902 || v.EdgeCount() != 8500 {
		t.Errorf("%d nodes, %d edges", v.NodeCount(), v.EdgeCount())
	}
}
