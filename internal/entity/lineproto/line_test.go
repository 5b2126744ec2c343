package lineproto

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
)

func TestLines(t *testing.T) {
	for _, c := range []struct {
		name, body string
		want       []string
	}{
		{"empty", "", nil},
		{"blank and comments", "\n \t\r\n# m f=\"x\n#\n", nil},
		{"CRLF", "m f=1\r\nn f=2\r\n", []string{"1 m f=1", "2 n f=2"}},
		{"no newline at the end", "m f=1\nn f=2", []string{"1 m f=1", "2 n f=2"}},
		{"newline in a string", "m f=\"a\nb\",g=\"\r\n\" 1\nn f=1", []string{"1 m f=\"a\nb\",g=\"\r\n\" 1", "4 n f=1"}},
		{"escaped quotes", "m f=\"\\\"\n\\\\\" 1\nn f=\"\\\\\"\no f=1", []string{"1 m f=\"\\\"\n\\\\\" 1", "3 n f=\"\\\\\"", "4 o f=1"}},
		{"quotes that are none", "m\",t=\"\\ \",u=\" f=1\nn \"=1,a\"b=2\no a\\=\"=3\np f=1", []string{"1 m\",t=\"\\ \",u=\" f=1", "2 n \"=1,a\"b=2", "3 o a\\=\"=3", "4 p f=1"}},
		{"a string that does not end", "m f=\"a\nn f=1\no f=2", []string{"1 m f=\"a", "2 n f=1", "3 o f=2"}},
		{"no fields", "m\nn,a=\"\no f=1", []string{"1 m", "2 n,a=\"", "3 o f=1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			Lines([]byte(c.body), func(n int, line []byte) bool {
				got = append(got, fmt.Sprintf("%d %s", n, line))
				return true
			})
			if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestLinesStops(t *testing.T) {
	n := 0
	Lines([]byte("a f=1\nb f=1\n"), func(int, []byte) bool { n++; return false })
	if n != 1 {
		t.Errorf("%d lines", n)
	}
}

func TestTrimTime(t *testing.T) {
	for _, c := range []struct {
		line, content string
		time          int64
		ok            bool
	}{
		{"m f=1 123", "m f=1", 123, true},
		{"m f=1  -123 \r\n", "m f=1", -123, true},
		{"m f=1 9223372036854775807", "m f=1", math.MaxInt64, true},
		{"m f=1 -9223372036854775808", "m f=1", math.MinInt64, true},
		{"m f=1 9223372036854775808", "m f=1 9223372036854775808", 0, false},
		{"m f=1 99999999999999999999999", "m f=1 99999999999999999999999", 0, false},
		{"m f=1", "m f=1", 0, false},
		{"m f=-1", "m f=-1", 0, false},
		{`m f="a b"`, `m f="a b"`, 0, false},
		{`m f\ 1`, `m f\ 1`, 0, false},
		{"12", "12", 0, false},
		{" 12", "12", 0, false},
		{"", "", 0, false},
		{"-", "-", 0, false},
	} {
		content, at, ok := TrimTime([]byte(c.line))
		if string(content) != c.content || at != c.time || ok != c.ok {
			t.Errorf("%q: got %q %d %v", c.line, content, at, ok)
		}
	}
}

func TestParse(t *testing.T) {
	line := `a\ b\,c\=d\x,t\=1=v\ 1\,,q=" f\ 1=1,g=-1.5e3,h=-12i,i=18446744073709551615u,j=T,k=False,l="a \"b\" \\ \n c",` + "m=\"\n\" -7"
	var l Line
	if err := l.Parse([]byte(line)); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s;", l.Measurement)
	for _, tag := range l.Tags {
		fmt.Fprintf(&b, "%s=%s;", tag.Key, tag.Value)
	}
	for _, f := range l.Fields {
		fmt.Fprintf(&b, "%s=%s %s;", f.Key, f.Kind, f.Value().Text())
	}
	fmt.Fprint(&b, l.Time, l.HasTime)
	want := `a b,c=d\x;t=1=v 1,;q=";f 1=number 1.0;g=number -1500.0;h=integer -12;i=integer 9223372036854775807;j=boolean true;k=boolean false;l=string a "b" \ \n c;m=string ` + "\n;-7 true"
	if b.String() != want {
		t.Errorf("got  %s\nwant %s", b.String(), want)
	}
	for _, blank := range []string{"", " ", "# x", "\t\r\n"} {
		if err := l.Parse([]byte(blank)); err != nil || len(l.Measurement) > 0 || len(l.Fields) > 0 {
			t.Errorf("%q: %v", blank, err)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for line, want := range map[string]string{
		`,a=b f=1`:    `byte 0: want a measurement, got ",a=b f=1"`,
		`m`:           `byte 1: want a space and the fields, got the end of the line`,
		`m `:          `byte 1: want a space and the fields, got the end of the line`,
		`m,=b f=1`:    `byte 2: want a tag key, got "=b f=1"`,
		`m,a f=1`:     `byte 3: want '=' after the tag key, got " f=1"`,
		`m,a= f=1`:    `byte 4: want a tag value, got " f=1"`,
		`m,a=b=c f=1`: `byte 5: want ',' or a space after the tag value, got "=c f=1"`,
		`m =1`:        `byte 2: want a field key, got "=1"`,
		`m f`:         `byte 3: want '=' after the field key, got the end of the line`,
		`m f g=1`:     `byte 3: want '=' after the field key, got " g=1"`,
		`m f=`:        `byte 4: want a number, a boolean or a string, got the end of the line`,
		`m f=1i,`:     `byte 7: want a field key, got the end of the line`,
		`m f=abc`:     `byte 4: want a number, a boolean or a string, got "abc"`,
		`m f=NaN`:     `byte 4: want a number, a boolean or a string, got "NaN"`,
		`m f=0x1p3`:   `byte 4: want a number, a boolean or a string, got "0x1p3"`,
		`m f=1e999`:   `byte 4: want a number, a boolean or a string, got "1e999"`,
		`m f=i`:       `byte 4: want a number, a boolean or a string, got "i"`,
		`m f=-`:       `byte 4: want a number, a boolean or a string, got "-"`,
		`m f=1.5i`:    `byte 4: want a number, a boolean or a string, got "1.5i"`,
		`m f=-1u`:     `byte 4: want a number, a boolean or a string, got "-1u"`,
		`m f=12345678901234567890i and more text`: `byte 4: want a number, a boolean or a string, got "12345678901234567890i an"...`,
		`m f="a`:       `byte 4: want a string that ends, got "\"a"`,
		`m f="a\"`:     `byte 4: want a string that ends, got "\"a\\\""`,
		`m f="a"b`:     `byte 7: want ',' or a space after the field, got "b"`,
		`m f="a" "b"`:  `byte 8: want an integer timestamp or the end of the line, got "\"b\""`,
		`m f=1 2 3`:    `byte 6: want an integer timestamp or the end of the line, got "2 3"`,
		`m f=1 1.5`:    `byte 6: want an integer timestamp or the end of the line, got "1.5"`,
		`m f=1 --1`:    `byte 6: want an integer timestamp or the end of the line, got "--1"`,
		`m f=1 ` + "-": `byte 6: want an integer timestamp or the end of the line, got "-"`,
	} {
		var l Line
		if err := l.Parse([]byte(line)); err == nil || err.Error() != want {
			t.Errorf("%s\ngot  %v\nwant %s", line, err, want)
		}
	}
	var l Line
	long := "m f=\"" + strings.Repeat("x", MaxLine) + "\""
	if err := l.Parse([]byte(long)); err == nil || !strings.Contains(err.Error(), "at most 1048576 bytes") {
		t.Errorf("long line: %v", err)
	}
}

func TestDecodeErrors(t *testing.T) {
	const id = `entity.type="t",entity.source="s",entity.id="{\"k\":\"v\"}"`
	for line, want := range map[string]string{
		`entity_state f=1`: `line 7, byte 16: want the fields entity.type and entity.id, got the end of the line`,
		`entity_state entity.id="{}",entity.type="t"`:                 `line 7, byte 0: invalid entity event: entity of type t has no identifying attribute`,
		`entity_state entity.id="[]",entity.type="t"`:                 `line 7, byte 13: entity.id: want an object, got list`,
		`entity_state entity.id="{\"a\":[]}",entity.type="t"`:         `line 7, byte 13: entity.id: identifying attribute a: want a string, got list`,
		`entity_state entity.id="{",entity.type="t"`:                  `line 7, byte 13: entity.id: JSON at byte 1: want a string`,
		`entity_state entity.id="{\"a\":\"b\"}",entity.type="t"`:      `line 7, byte 0: invalid entity event: no source`,
		`entity_state entity.type=1i`:                                 `line 7, byte 13: want type string for entity.type, got integer`,
		`entity_state ` + id + `,entity.report.interval="x"`:          `line 7, byte 73: want type integer for entity.report.interval, got string`,
		`entity_state ` + id + `,entity.report.interval=-1i`:          `line 7, byte 73: want a report interval in seconds, got -1`,
		`entity_state ` + id + `,entity.report.interval=99999999999i`: `line 7, byte 73: want a report interval in seconds, got 99999999999`,
		`entity_state ` + id + `,a:json=1i`:                           `line 7, byte 73: want type string (of JSON) for a:json, got integer`,
		`entity_state ` + id + `,a:json="["`:                          `line 7, byte 73: field a:json: JSON at byte 1: unexpected end`,
		`entity_state ` + id + `,entity.relationships="{}"`:           `line 7, byte 73: entity.relationships: want a list, got map`,
		`entity_state ` + id + `,entity.relationships="[1]"`:          `line 7, byte 73: entity.relationships: relationship 0: want an object, got integer`,
		`entity_state ` + id + `,entity.relationships="[{}]"`:         `line 7, byte 73: entity.relationships: relationship 0: entity.id: want an object, got none`,
		`entity_state ` + id + `,f=1 -5`:                              `line 7, byte 0: invalid entity event: time 1969-12-31 23:59:59 is not between 1970 and 2262`,
		`topology_interface,entity=x f=1i`:                            `line 7, byte 0: tag entity: not a UUID: want 36 characters such as 6ba7b810-9dad-11d1-80b4-00c04fd430c8`,
		`cpu usage=`:                                                  `line 7, byte 10: want a number, a boolean or a string, got the end of the line`,
	} {
		d := Decoder{Line: 7}
		if _, err := d.Decode([]byte(line)); err == nil || err.Error() != want {
			t.Errorf("%s\ngot  %v\nwant %s", line, err, want)
		}
	}
}

func TestDecodeForeignSpelling(t *testing.T) {
	line := `entity_delete entity.future=1i,b=2u,entity.delete.reason="gone",entity.source="s",` +
		`entity.id=" { \"z\" : \"1\", \"a\" : 2 } ",a="x` + "\xff" + `",entity.type="t",` +
		`entity.relationships="[ {\"entity.type\":\"u\",\"entity.id\":{\"k\":\"\\u0041\"},\"relationship.type\":\"runs_on\",\"relationship.attributes\":{\"n\":1}} ]" 1700000000`
	d := Decoder{Precision: time.Second}
	r, err := d.Decode([]byte(line))
	if err != nil {
		t.Fatal(err)
	}
	want := entity.Event{
		Kind: entity.Delete, Source: "s", Reason: "gone", Time: time.Unix(1700000000, 0),
		Ref:        entity.Ref{Type: "t", ID: entity.NewIdentity("a", "2", "z", "1")},
		Attributes: entity.Attrs{{Key: "a", Value: entity.String("x\uFFFD")}, {Key: "b", Value: entity.Int(2)}},
		Relationships: []entity.Relationship{{
			Type: "runs_on", Target: entity.Ref{Type: "u", ID: entity.NewIdentity("k", "A")},
			Attributes: entity.Attrs{{Key: "n", Value: entity.Int(1)}},
		}},
	}
	if !r.Event.Equal(&want) {
		t.Errorf("got  %+v\nwant %+v", r.Event, want)
	}
}

func TestDecodeTime(t *testing.T) {
	now := time.Unix(5, 0)
	const head = `entity_state entity.type="t",entity.source="s",entity.id="{\"k\":\"v\"}"`
	d := Decoder{Now: now}
	if r, err := d.Decode([]byte(head)); err != nil || !r.Event.Time.Equal(now) {
		t.Errorf("without a timestamp: %v %v", r.Event.Time, err)
	}
	d.Precision = time.Millisecond
	if r, err := d.Decode([]byte(head + " 7")); err != nil || !r.Event.Time.Equal(time.UnixMilli(7)) {
		t.Errorf("milliseconds: %v %v", r.Event.Time, err)
	}
	d.Precision = time.Second
	if _, err := d.Decode([]byte(head + " 9223372037")); err == nil {
		t.Error("a time past 2262 was read")
	}
}

func TestDecodeMetric(t *testing.T) {
	const node = "f851b6fb-acdc-54cc-80e5-4af1877f96b1"
	var d Decoder
	r, err := d.Decode([]byte("topology_interface,entity=" + node + ",host=h tx_bytes=5,rx_bytes=4i,tx_packets=9u,other=1i,rx_errors=\"x\" 1000"))
	if err != nil {
		t.Fatal(err)
	}
	want := entity.Attrs{{Key: "RxBytes", Value: entity.Int(4)}, {Key: "TxBytes", Value: entity.Int(5)}, {Key: "TxPackets", Value: entity.Int(9)}}
	if r.Kind != IsMetric || r.Metric.Node.String() != node || r.Metric.Time.UnixNano() != 1000 || !r.Metric.Values.Equal(want) {
		t.Errorf("got %+v", r)
	}
	if r, err = d.Decode([]byte("topology_openflow,entity=" + node + " rx_bytes=7i,rx_packets=2i 1000")); err != nil || r.Kind != IsMetric || len(r.Metric.Values) != 2 {
		t.Errorf("counters of a rule: %+v, %v", r, err)
	}
	for _, line := range []string{"topology_interface rx_bytes=4i", "cpu,host=a usage=1", "# comment", ""} {
		if r, err := d.Decode([]byte(line)); err != nil || r.Kind != Ignored {
			t.Errorf("%q: %v %v", line, r.Kind, err)
		}
	}
}

// TestDecodeNames: the memory for names does not grow without bound.
func TestDecodeNames(t *testing.T) {
	var d Decoder
	for i := range 3 * maxNames {
		if _, err := d.Decode(fmt.Appendf(nil, `entity_state entity.type="t%d",entity.source="s",entity.id="{\"k%d\":\"v\"}",k%d=1i`, i, i, i)); err != nil {
			t.Fatal(err)
		}
	}
	if len(d.names) > maxNames {
		t.Errorf("%d names", len(d.names))
	}
}
