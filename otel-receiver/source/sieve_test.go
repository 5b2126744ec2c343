package source

import (
	"errors"
	"fmt"
	"testing"

	"github.com/skein-net/skein/otel-receiver/packet"
)

type lengths []int

func (l *lengths) Frame(f *Frame) { *l = append(*l, len(f.Data)) }
func (*lengths) Tick(int64)       {}

type shorter int

func (m shorter) Matches(data []byte, _ int) bool { return len(data) < int(m) }

func TestSieve(t *testing.T) {
	asked := map[packet.LinkType]int{}
	bad := errors.New("bad filter")
	s := NewSieve(func(l packet.LinkType) (Matcher, error) {
		asked[l]++
		switch l {
		case packet.LinkEthernet:
			return shorter(50), nil
		case packet.LinkRaw:
			return nil, nil
		default:
			return nil, bad
		}
	}, 20)
	var got lengths
	for range 2 { // two streams
		p := s.Open()
		for _, f := range []Frame{
			{Link: packet.LinkEthernet, Data: make([]byte, 10), Wire: 10},
			{Link: packet.LinkEthernet, Data: make([]byte, 50), Wire: 50},
			{Link: packet.LinkEthernet, Data: make([]byte, 40), Wire: 40},
			{Link: packet.LinkRaw, Data: make([]byte, 60), Wire: 90},
			{Link: packet.LinkRaw, Data: make([]byte, 5), Wire: 6},
		} {
			if err := p.Frame(&f, &got); err != nil {
				t.Fatal(err)
			}
		}
	}
	if want := "[10 20 20 5 10 20 20 5]"; fmt.Sprint(got) != want {
		t.Errorf("frames of %v bytes, want %s", got, want)
	}
	if want := (Stats{Received: 8, Bytes: 2 * 146, Filtered: 2, Truncated: 6}); s.Stats() != want {
		t.Errorf("%+v, want %+v", s.Stats(), want)
	}
	if asked[packet.LinkEthernet] != 2 || asked[packet.LinkRaw] != 2 {
		t.Errorf("asked %v", asked)
	}
	if err := s.Open().Frame(&Frame{Link: 9999}, &got); !errors.Is(err, bad) {
		t.Errorf("got %v", err)
	}
}

func TestSieveWithoutFilter(t *testing.T) {
	s := NewSieve(nil, 0)
	var got lengths
	if err := s.Open().Frame(&Frame{Data: make([]byte, 99), Wire: 99}, &got); err != nil || len(got) != 1 || got[0] != 99 {
		t.Errorf("%v, %v", got, err)
	}
}
