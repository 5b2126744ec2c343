package afpacket

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/net/bpf"

	"github.com/skein-net/skein/otel-receiver/source"
)

func TestValidate(t *testing.T) {
	for _, tc := range []struct {
		cfg  Config
		want string
	}{
		{Config{Interface: "eth0"}, ""},
		{DefaultConfig(), "no interface is named"},
		{Config{Interface: "0123456789abcdef"}, "15 bytes"},
		{Config{Interface: "eth0", IfIndex: -1}, "negative"},
		{Config{Interface: "eth0", SnapLen: 13}, "snap length 13"},
		{Config{Interface: "eth0", SnapLen: MaxSnapLen + 1}, "snap length"},
		{Config{Interface: "eth0", RingMiB: MaxRingMiB + 1}, "ring of 1025 MiB"},
		{Config{Interface: "eth0", BlockTimeout: time.Minute}, "block timeout 1m0s"},
		{Config{Interface: "eth0", RetryMin: time.Second, RetryMax: time.Millisecond}, "retry from 1s to 1ms"},
		{Config{Interface: "eth0", RetryMin: time.Minute}, ""},
	} {
		_, err := New(tc.cfg)
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%+v: got %v, want %q", tc.cfg, err, tc.want)
		}
	}
}

func TestRunRefuses(t *testing.T) {
	src, err := New(Config{Interface: "lo"})
	if err != nil {
		t.Fatal(err)
	}
	if err := src.Run(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "0 workers: want 1 to 64") {
		t.Errorf("got %v", err)
	}
	if err := src.Run(t.Context(), make([]source.Worker, MaxWorkers+1)); err == nil {
		t.Error("too many workers were taken")
	}
}

func TestProgram(t *testing.T) {
	got, err := program(nil, 96, false)
	if err != nil || len(got) != 1 || got[0] != (bpf.RawInstruction{Op: opRetK, K: 96}) {
		t.Errorf("no filter: %v, %v", got, err)
	}
	user := []bpf.RawInstruction{{Op: opRetK, K: 1 << 18}, {Op: opRetK}, {Op: opRetK, K: 50}}
	got, err = program(user, 96, true)
	if err != nil || len(got) != 7 || got[4].K != 96 || got[5].K != 0 || got[6].K != 50 {
		t.Errorf("the snap length is not kept: %v, %v", got, err)
	}
	if user[0].K != 1<<18 {
		t.Error("the user's program was changed")
	}
	if _, err := program(make([]bpf.RawInstruction, maxProgram), 96, true); err == nil {
		t.Error("a program too long for the kernel was taken")
	}
}
