package iptest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// runNetNS is where iproute2 keeps its named namespaces.
const runNetNS = "/run/netns"

// Read asks the tools about namespaces by their names. Names that do not exist
// are an error.
func Read(ctx context.Context, hostID string, names ...string) (*World, error) {
	w := &World{HostID: hostID, Namespaces: map[string]*Namespace{}}
	for _, name := range names {
		n, err := readNamespace(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("read namespace %q: %w", name, err)
		}
		w.Namespaces[name] = n
	}
	return w, nil
}

func readNamespace(ctx context.Context, name string) (*Namespace, error) {
	n := &Namespace{Name: name, routes: map[string][]object{}, rules: map[string][]object{}, nsids: map[int64]string{}}
	path := "/proc/self/ns/net"
	if name != "" {
		path = filepath.Join(runNetNS, name)
	}
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil {
		return nil, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	n.Inode, n.Device = st.Ino, st.Dev
	r := reader{ctx: ctx, ns: name}
	r.batch([]string{"ip", "-d"}, []command{
		{"link show", &n.links},
		{"address show", &n.addrs},
		{"neighbour show nud all", &n.neighbours},
		{"nexthop show", &n.nexthops},
	})
	var nsids []object
	r.batch([]string{"ip"}, []command{{"netns list-id", &nsids}})
	for _, o := range nsids {
		n.nsids[o.num("nsid")] = o.str("name")
	}
	r.batch([]string{"bridge"}, []command{{"fdb show", &n.fdb}})
	for _, family := range []string{"inet", "inet6"} {
		var routes, rules []object
		r.batch([]string{"ip", "-d", "-f", family}, []command{{"route show table all", &routes}, {"rule show", &rules}})
		n.routes[family], n.rules[family] = routes, rules
	}
	if _, err := os.Stat("/proc/sys/net/mpls"); err == nil {
		var routes []object
		r.batch([]string{"ip", "-d", "-f", "mpls"}, []command{{"route show", &routes}})
		n.routes["mpls"] = routes
	}
	n.index()
	return n, r.err
}

// command is a command of a batch and where its output goes.
type command struct {
	text string
	to   *[]object
}

// reader runs the tools in one namespace and keeps the first error.
type reader struct {
	ctx context.Context
	ns  string
	err error
}

// batch runs commands in one process of a tool; each prints one document.
func (r *reader) batch(tool []string, commands []command) {
	if r.err != nil {
		return
	}
	args := append(slices.Clone(tool[1:]), "-j")
	if r.ns != "" {
		args = append(args, "-n", r.ns)
	}
	var text strings.Builder
	for _, c := range commands {
		text.WriteString(c.text + "\n")
	}
	out, err := run(r.ctx, text.String(), tool[0], append(args, "-batch", "-")...)
	if err != nil {
		r.err = err
		return
	}
	docs, err := parse(out)
	if err == nil && len(docs) != len(commands) {
		err = fmt.Errorf("%d documents for %d commands", len(docs), len(commands))
	}
	if err != nil {
		r.err = fmt.Errorf("%v: %w", tool, err)
		return
	}
	for i, c := range commands {
		*c.to = objects(docs[i])
	}
}

// run runs a program; its error holds what it complained about.
func run(ctx context.Context, stdin, name string, args ...string) ([]byte, error) {
	c := exec.CommandContext(ctx, name, args...)
	c.Stdin = strings.NewReader(stdin)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return nil, fmt.Errorf("%s %v: %w: %s", name, args, err, bytes.TrimSpace(errs.Bytes()))
	case err != nil:
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return out.Bytes(), nil
}
