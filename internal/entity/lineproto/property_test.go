package lineproto

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/entity/entitytest"
)

// TestPropertyRoundTrip: every valid event survives, whichever way its line
// was written, alone and among others.
func TestPropertyRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var (
		d      Decoder
		events []entity.Event
		body   []byte
	)
	for range 3000 {
		e := entitytest.Event(r)
		if err := e.Validate(); err != nil {
			t.Fatalf("the generator made an invalid event: %v", err)
		}
		line := AppendEvent(nil, &e)
		checkDecodes(t, &d, line, &e)
		checkDecodes(t, &d, appendPoint(nil, ToPoint(&e), r), &e)
		events = append(events, e)
		body = append(body, line...)
		if r.IntN(4) == 0 {
			body = append(body, pick(r, "\n", "\r\n", "# a \"comment\n", "  \n")...)
		}
	}
	i := 0
	Lines(body, func(number int, line []byte) bool {
		if i == len(events) {
			t.Fatalf("line %d: one too many: %q", number, line)
		}
		checkDecodes(t, &d, line, &events[i])
		i++
		return true
	})
	if i != len(events) {
		t.Errorf("got %d lines of %d", i, len(events))
	}
}

func checkDecodes(t *testing.T, d *Decoder, line []byte, want *entity.Event) {
	t.Helper()
	r, err := d.Decode(line)
	if err != nil {
		t.Fatalf("%v\n%q", err, line)
	}
	if r.Kind != IsEvent || !r.Event.Equal(want) {
		t.Fatalf("line %q\ngot  %+v\nwant %+v", line, r.Event, *want)
	}
}

// appendPoint writes a point with its fields in random order, as Telegraf
// does.
func appendPoint(b []byte, p Point, r *rand.Rand) []byte {
	b = appendName(b, p.Measurement)
	for _, tag := range p.Tags {
		b = append(b, ',')
		b = append(appendName(b, tag.Key), '=')
		b = appendName(b, tag.Value)
	}
	for i, k := range r.Perm(len(p.Fields)) {
		b = append(b, " ,"[min(i, 1)])
		b = append(appendName(b, p.Fields[k].Key), '=')
		b = appendField(b, p.Fields[k].Value)
	}
	return fmt.Appendf(b, " %d\n", p.Time.UnixNano())
}

// TestPropertyFingerprint: the order of the fields does not count, everything
// else does.
func TestPropertyFingerprint(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	seed := maphash.MakeSeed()
	print := func(line []byte) uint64 {
		content, _, ok := TrimTime(line)
		if !ok {
			t.Fatalf("no time in %q", line)
		}
		return Fingerprint(seed, content)
	}
	seen := map[uint64]string{}
	for range 1000 {
		e := entitytest.Event(r)
		p := ToPoint(&e)
		fp := print(appendPoint(nil, p, r))
		p.Time = p.Time.Add(time.Second)
		for range 3 {
			if line := appendPoint(nil, p, r); print(line) != fp {
				t.Fatalf("another fingerprint in another order: %q", line)
			}
		}
		p.Time = time.Unix(1, 0)
		sorted := p.Measurement + fmt.Sprint(p.Tags, p.Fields)
		if other, ok := seen[fp]; ok && other != sorted {
			t.Fatalf("one fingerprint for\n%s\n%s", other, sorted)
		}
		seen[fp] = sorted
	}
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// FuzzDecode: no input makes the decoder panic; an event that it returns is
// valid and survives being written again.
func FuzzDecode(f *testing.F) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 20 {
		e := entitytest.Event(r)
		f.Add(AppendEvent(nil, &e))
	}
	f.Add([]byte("topology_interface,entity=f851b6fb-acdc-54cc-80e5-4af1877f96b1 rx_bytes=1i,tx_bytes=2u,rx_packets=3 4"))
	f.Add([]byte("# c\n\nm,t=\"a f=\"x\ny\",g=t,h=1e3 -5\r\nm f=0x1\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		var d Decoder
		total, last := 0, 0
		Lines(body, func(number int, line []byte) bool {
			if number <= last {
				t.Fatalf("line %d after line %d", number, last)
			}
			if len(line) == 0 || line[0] == '#' {
				t.Fatalf("line %d is blank", number)
			}
			last = number
			total += len(line)
			checkLine(t, &d, line)
			return true
		})
		if total > len(body) {
			t.Fatalf("%d bytes of lines in %d", total, len(body))
		}
		checkLine(t, &d, body)
	})
}

func checkLine(t *testing.T, d *Decoder, line []byte) {
	keep := bytes.Clone(line)
	TrimTime(line)
	Fingerprint(maphash.MakeSeed(), line)
	r, err := d.Decode(line)
	if !bytes.Equal(keep, line) {
		t.Fatal("the input was changed")
	}
	if err != nil || r.Kind != IsEvent {
		return
	}
	if err := r.Event.Validate(); err != nil {
		t.Fatalf("invalid event: %v", err)
	}
	if r.Event.Time.IsZero() {
		r.Event.Time = time.Unix(1, 0)
	}
	again := AppendEvent(nil, &r.Event)
	if len(again) > MaxLine {
		return
	}
	var fresh Decoder
	checkDecodes(t, &fresh, again, &r.Event)
	n := 0
	Lines(again, func(_ int, line []byte) bool { n++; return true })
	if n != 1 {
		t.Fatalf("%d lines in %q", n, again)
	}
}
