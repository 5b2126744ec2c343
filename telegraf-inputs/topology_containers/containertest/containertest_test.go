package containertest

import (
	"strings"
	"testing"
)

func TestContainerd(t *testing.T) {
	d := Containerd(t)
	d.Start("default", "c1", "--label", "a=b")
	if out := d.Ctr("default", "tasks", "ls"); !strings.Contains(out, "RUNNING") {
		t.Error(out)
	}
	d.Kill()
	d.Restart()
	if out := d.Ctr("default", "tasks", "ls"); !strings.Contains(out, "RUNNING") {
		t.Errorf("after a restart: %s", out)
	}
}

func TestDocker(t *testing.T) {
	d := Docker(t, "")
	id := d.Run("c1")
	if len(id) != 64 {
		t.Errorf("the ID is %q", id)
	}
	d.Kill()
	d.Restart()
	if out := d.CLI("ps", "-q", "--no-trunc"); out != id {
		t.Errorf("after a restart %q runs, want %q", out, id)
	}
}

func TestPodman(t *testing.T) {
	p := Podman(t, "")
	id := p.Run("c1")
	p.Kill()
	p.Restart()
	if out := p.CLI("ps", "-q", "--no-trunc"); out != id {
		t.Errorf("after a restart %q runs, want %q", out, id)
	}
}
