package docker

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/events"

	"github.com/skein-net/skein/internal/entity"
	model "github.com/skein-net/skein/telegraf-inputs/topology_containers/container"
)

// emptyMapper sees no process, so that numbers in recorded answers mean nothing.
func emptyMapper(t testing.TB) *model.Mapper {
	t.Helper()
	m, err := model.NewMapper(model.Config{HostID: hostID, ProcDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestRecorded maps answers of Docker 20.10 and Podman 4.3. With UPDATE=1 in the
// environment it writes what comes out.
func TestRecorded(t *testing.T) {
	m := emptyMapper(t)
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recorded answers: %v", err)
	}
	for _, path := range files {
		source, _, _ := strings.Cut(filepath.Base(path), "-")
		if strings.Contains(path, "version") {
			continue
		}
		t.Run(strings.TrimSuffix(filepath.Base(path), ".json"), func(t *testing.T) {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var r container.InspectResponse
			if err := json.Unmarshal(b, &r); err != nil {
				t.Fatal(err)
			}
			ev := m.Event(convert(&r, source))
			if err := ev.Validate(); err != nil {
				t.Fatal(err)
			}
			if len(ev.Relationships) != 0 || ev.Source != source || !ev.Ref.Equal(entity.ContainerRef(r.ID)) {
				t.Errorf("%+v", ev)
			}
			got, err := json.MarshalIndent(entity.Map(ev.Attributes), "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, '\n')
			golden := strings.TrimSuffix(path, ".json") + ".golden"
			if os.Getenv("UPDATE") != "" {
				if err := os.WriteFile(golden, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("got\n%s", got)
			}
		})
	}
}

// TestSecrets: of environment, commands, annotations, log drivers, mounts and
// health checks nothing becomes an attribute.
func TestSecrets(t *testing.T) {
	const answer = `{"Id":"x","Name":"/web","Path":"/hidden","Args":["hidden"],"LogPath":"/hidden",
"Config":{"Image":"img","Env":["TOKEN=hidden"],"Cmd":["hidden"],"Entrypoint":["hidden"],"Healthcheck":{"Test":["hidden"]}},
"HostConfig":{"Annotations":{"token":"hidden","io.kubernetes.pod.uid":"u"},"LogConfig":{"Type":"splunk","Config":{"splunk-token":"hidden"}},
"Binds":["/hidden:/x"],"StorageOpt":{"a":"hidden"},"Sysctls":{"a":"hidden"}},
"Mounts":[{"Source":"/hidden"}],"ExecIDs":["hidden"],
"State":{"Status":"running","Health":{"Status":"healthy","Log":[{"Output":"hidden"}]}},
"NetworkSettings":{"Networks":{"n":{"DriverOpts":{"a":"hidden"}}}}}`
	var r container.InspectResponse
	if err := json.Unmarshal([]byte(answer), &r); err != nil {
		t.Fatal(err)
	}
	for _, source := range []string{model.SourceDocker, model.SourcePodman} {
		ev := emptyMapper(t).Event(convert(&r, source))
		if all := string(ev.Attributes.AppendJSON(nil)); strings.Contains(all, "hidden") || !strings.Contains(all, `"PodUID":"u"`) {
			t.Error(all)
		}
	}
}

// FuzzConvert: whatever an engine answers, the event is valid.
func FuzzConvert(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.json")
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"Id":"x","State":{"Status":"running","Pid":-1},"NetworkSettings":{"Networks":{"a":null}}}`))
	m := emptyMapper(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		var r container.InspectResponse
		if json.Unmarshal(b, &r) != nil {
			return
		}
		for _, source := range []string{model.SourceDocker, model.SourcePodman} {
			ev := m.Event(convert(&r, source))
			if err := ev.Validate(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestConcerns(t *testing.T) {
	for _, c := range []struct {
		typ, action, actor, attr, source, want string
	}{
		{"container", "start", "c", "", "docker", "c"},
		{"container", "die", "c", "", "docker", "c"},
		{"container", "health_status: healthy", "c", "", "docker", "c"},
		{"container", "exec_start: /bin/sh -c x", "c", "", "docker", ""},
		{"container", "exec_die", "c", "", "docker", ""},
		{"container", "top", "c", "", "docker", ""},
		{"network", "connect", "n", "c", "docker", "c"},
		{"network", "disconnect", "n", "c", "docker", "c"},
		{"network", "create", "n", "", "docker", ""},
		{"network", "connect", "n", "", "docker", ""},
		{"network", "connect", "c", "", "podman", "c"},
		{"image", "pull", "i", "", "docker", ""},
	} {
		m := events.Message{Type: events.Type(c.typ), Action: events.Action(c.action), Actor: events.Actor{ID: c.actor}}
		if c.attr != "" {
			m.Actor.Attributes = map[string]string{"container": c.attr}
		}
		if got := concerns(&m, c.source); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}
