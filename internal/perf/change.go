package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/skein-net/skein/internal/perf/table"
	"github.com/skein-net/skein/topologyd/client"
)

// rounds is how many changes are timed.
const rounds = 200

// measureChange times one link change from the return of the command that
// makes it to the message a watcher gets, through Telegraf with the shipped
// intervals, in a network namespace of its own that holds so many interfaces.
func measureChange(ctx context.Context, t *table.Table, bin string, links int) (err error) {
	ns := fmt.Sprintf("skein-perf-%d", os.Getpid())
	if err := sh(ctx, "", "ip", "netns", "add", ns); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sh(context.WithoutCancel(ctx), "", "ip", "netns", "del", ns)) }()
	var batch strings.Builder
	for i := range links / 2 {
		fmt.Fprintf(&batch, "link add va%d type veth peer name vb%d\n", i, i)
	}
	batch.WriteString("link add change0 type veth peer name change1\n")
	if err := sh(ctx, batch.String(), "ip", "-n", ns, "-batch", "-"); err != nil {
		return err
	}

	d, err := newDaemon(ctx, bin)
	if err != nil {
		return err
	}
	defer d.remove()
	conf := fmt.Sprintf(`[agent]
  interval = "10s"
  flush_interval = "100ms"
  metric_batch_size = 2000
  metric_buffer_limit = 200000
  omit_hostname = true
  skip_processors_after_aggregators = true
[[inputs.topology_host]]
  host_id = "perf"
  host_name = "perf"
  root_netns = "/run/netns/%s"
  netns_dirs = [%q]
  process_namespaces = false
[[outputs.http]]
  url = "%s/api/v2/write"
  data_format = "influx"
`, ns, filepath.Join(d.dir, "none"), d.url)
	path := filepath.Join(d.dir, "telegraf.conf")
	if err := os.WriteFile(path, []byte(conf), 0o600); err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	agent, err := startProgram(ctx, d.dir, filepath.Join(bin, "telegraf"), "--config", path)
	if err != nil {
		return err
	}
	defer agent.stop()
	if err := d.await(ctx, links); err != nil {
		return err
	}

	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	seen := make(chan int64, rounds) // the MTUs that a watcher is told
	if err := d.watch(ctx, seen); err != nil {
		return err
	}
	var all []time.Duration
	for i := range rounds {
		// Without a pause each change would come right after a flush and wait
		// for all of the next interval.
		select {
		case <-time.After(rand.N(100 * time.Millisecond)):
		case <-ctx.Done():
			return ctx.Err()
		}
		mtu := 2000 + i
		if err := sh(ctx, "", "ip", "-n", ns, "link", "set", "change0", "mtu", fmt.Sprint(mtu)); err != nil {
			return err
		}
		begin := time.Now()
		for got := int64(0); got != int64(mtu); {
			select {
			case got = <-seen:
			case <-ctx.Done():
				return fmt.Errorf("wait for change %d: %w", i, ctx.Err())
			}
		}
		all = append(all, time.Since(begin))
	}
	t.Add(fmt.Sprintf("one link change to a watcher through Telegraf, p50 · p99, %d interfaces", links+3),
		"p99 150 ms", "%s · %s ms", ms(quantile(all, 0.5)), ms(quantile(all, 0.99)))
	return nil
}

// await waits until the graph holds so many interfaces.
func (d *daemon) await(ctx context.Context, links int) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		b, err := d.ask(ctx, "G.V().Has('Type','veth').Count()")
		var n int
		if err == nil && json.Unmarshal(b, &n) == nil && n >= links {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %d interfaces, %d are there: %w", links, n, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// watch sends the MTU of change0 whenever a change of it comes; it returns
// when the snapshot has come.
func (d *daemon) watch(ctx context.Context, seen chan<- int64) error {
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- d.Watch(ctx, 0, func(m *client.Message) error {
			if m.Type == client.TypeSnapshot && !m.More {
				close(ready)
			}
			for _, ch := range m.Changes {
				if n := ch.Node; n != nil && n.Metadata.Get("Name").Str() == "change0" {
					select {
					case seen <- n.Metadata.Get("MTU").Int():
					case <-ctx.Done():
					}
				}
			}
			return nil
		})
	}()
	select {
	case <-ready:
		return nil
	case err := <-ended:
		return fmt.Errorf("watch: %w", err)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func sh(ctx context.Context, input, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin = strings.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	return nil
}
