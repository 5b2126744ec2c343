package probe

import (
	"slices"
	"strconv"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/telegraf-inputs/internal/discovery"
	"github.com/skein-net/skein/telegraf-inputs/topology_host/hostfacts"
	"github.com/skein-net/skein/telegraf-inputs/topology_host/mapping"
)

// hostNode is the host itself.
type hostNode struct {
	task
	p     *Probe
	facts entity.Attrs
	known bool // facts have been read
	found discovery.Report
	said  map[string]bool // limitations that have been logged
}

// start reads the facts of the machine on a worker.
func (h *hostNode) start(p *Probe) {
	h.p = p
	h.run = h.report
	h.said = make(map[string]bool)
	p.pool.add(func() {
		facts, missing := hostfacts.Read(p.ctx)
		for _, m := range missing {
			p.log.Debugf("Not known of this machine: %s", m)
		}
		p.post(func() {
			h.facts, h.known = facts, true
			p.checkReady()
		})
	})
}

// scanned hears how complete a scan was.
func (h *hostNode) scanned(r discovery.Report) {
	was := h.found
	h.found = r
	if p := h.p; p.ready && (was.DeniedProcesses > 0) != (r.DeniedProcesses > 0) || was.DeniedFiles != r.DeniedFiles || (was.NotWatched == nil) != (r.NotWatched == nil) {
		p.root.touch(time.Now())
	}
}

// limitations says what cannot be seen, in sentences that do not change with
// every process.
func (h *hostNode) limitations() []string {
	var out []string
	if h.found.DeniedProcesses > 0 {
		out = append(out, "network namespaces of other users' processes are not seen: needs CAP_SYS_PTRACE")
	}
	if h.found.DeniedFiles > 0 {
		out = append(out, "some named network namespaces cannot be opened")
	}
	if h.found.NotWatched != nil {
		out = append(out, "new namespaces are noticed only at the next scan: "+h.found.NotWatched.Error())
	}
	for _, sp := range h.p.spaces {
		if sp.failed != nil {
			out = append(out, "some network namespaces cannot be looked into, see there")
			break
		}
	}
	if r := h.p.root; r.conn != nil && r.conn.ReceiveBuffer() < h.p.cfg.ReceiveBuffer {
		out = append(out, "event buffers are "+strconv.Itoa(r.conn.ReceiveBuffer())+" bytes instead of "+
			strconv.Itoa(h.p.cfg.ReceiveBuffer)+": needs CAP_NET_ADMIN or a higher net.core.rmem_max")
	}
	return out
}

func (h *hostNode) report(time.Time) {
	p := h.p
	host := mapping.Host{
		ID:          p.cfg.HostID,
		Name:        p.cfg.HostName,
		Facts:       h.facts,
		Metadata:    p.cfg.Metadata,
		Config:      p.hostConfig.get(),
		Limitations: h.limitations(),
	}
	if p.root != nil {
		host.Tables = p.root.tables()
	}
	for _, text := range host.Limitations {
		if !h.said[text] && len(h.said) < 100 {
			h.said[text] = true
			p.log.Warnf("This host is seen in part only: %s", text)
		}
	}
	slices.Sort(host.Limitations)
	p.stats.reports.Add(1)
	p.sink.Set(host.Event())
}
