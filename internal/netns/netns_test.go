package netns

import "testing"

func TestParseLink(t *testing.T) {
	tests := []struct {
		text string
		want uint64
		ok   bool
	}{
		{"net:[4026531840]", 4026531840, true},
		{"net:[1]", 1, true},
		{"net:[]", 0, false},
		{"net:[x]", 0, false},
		{"mnt:[4026531840]", 0, false},
		{"net:[1", 0, false},
		{"", 0, false},
	}
	for _, tt := range tests {
		got, ok := ParseLink(tt.text)
		if got != tt.want || ok != tt.ok {
			t.Errorf("ParseLink(%q) = %d, %v; want %d, %v", tt.text, got, ok, tt.want, tt.ok)
		}
	}
}

func FuzzParseLink(f *testing.F) {
	f.Add("net:[4026531840]")
	f.Add("net:[")
	f.Fuzz(func(t *testing.T, s string) {
		n, ok := ParseLink(s)
		if !ok {
			return
		}
		if again, ok := ParseLink(ID{Inode: n}.String()); !ok || again != n {
			t.Errorf("ParseLink(%q) = %d does not round trip", s, n)
		}
	})
}
