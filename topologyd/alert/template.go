package alert

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"text/template"
	"text/template/parse"
)

// Bounds of one expansion.
const (
	// maxOutput is how many bytes a template may give.
	maxOutput = 64 << 10
	// maxWork is how much it may do: a turn of a loop costs turnWork, a function as
	// many as the bytes it reads and gives.
	maxWork  = 1 << 20
	turnWork = 64
)

// declarations are what templates may use without having declared it, as in those
// of Prometheus.
const declarations = "{{$labels := .Labels}}{{$value := .Number}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}"

// templateName is how errors of the template library call a template.
const templateName = "text"

// stepName is the function that counts the turns of loops.
const stepName = "_step"

// expander is a parsed template. It may be used by several goroutines.
type expander struct {
	// fixed is the text when there is nothing to expand.
	fixed string
	t     *template.Template
	// idle are copies, *instance, that are not in use: making one takes ten times as
	// long as an expansion.
	idle sync.Pool
}

// instance is a copy of a template whose functions count work.
type instance struct {
	t    *template.Template
	work work
}

var errNoTemplates = errors.New("templates cannot define or call others")

// errUnsteady is of labels with names that come and go.
var errUnsteady = errors.New("a label cannot have .HostName: the alert would be another one when the host is renamed; use .Host, and .HostName in annotations")

// parseTemplate reads a template and sees to it that its loops are counted. steady
// tells that it is one of a label, which is to stay the same.
func parseTemplate(text string, steady bool) (*expander, error) {
	if !strings.Contains(text, "{{") {
		return &expander{fixed: clip(strings.ToValidUTF8(text, "\ufffd"))}, nil
	}
	funcs := (&work{}).funcs()
	t, err := template.New(templateName).Funcs(funcs).Parse(declarations + text)
	if err != nil {
		return nil, readable(err)
	}
	if len(t.Templates()) > 1 {
		return nil, errNoTemplates
	}
	step, err := template.New(templateName).Funcs(funcs).Parse("{{" + stepName + "}}")
	if err != nil {
		return nil, fmt.Errorf("parse step: %w", err)
	}
	w := walker{step: step.Root.Nodes[0], known: knownFields(), steady: steady}
	if w.list(t.Root, true); w.err != nil {
		return nil, w.err
	}
	return &expander{t: t}, nil
}

// expand gives the text for a thing. After an error the text says so, as
// Prometheus has it.
func (e *expander) expand(t *Thing) (string, error) {
	if e.t == nil {
		return e.fixed, nil
	}
	out, err := e.execute(t)
	if err != nil {
		err = readable(err)
		return clip(fmt.Sprintf("<error expanding template: %s>", strings.ToValidUTF8(err.Error(), "\ufffd"))), err
	}
	return out, nil
}

func (e *expander) execute(t *Thing) (string, error) {
	i, ok := e.idle.Get().(*instance)
	if !ok {
		own, err := e.t.Clone()
		if err != nil {
			return "", err
		}
		i = &instance{t: own}
		own.Funcs(i.work.funcs())
	}
	defer e.idle.Put(i)
	i.work.left = maxWork
	counted := *t
	counted.work = &i.work
	var out output
	if err := i.t.Execute(&out, &counted); err != nil {
		return "", err
	}
	return strings.ToValidUTF8(out.b.String(), "\ufffd"), nil
}

// output takes what a template writes, up to a bound.
type output struct{ b bytes.Buffer }

var errLong = fmt.Errorf("it gives more than %d bytes", maxOutput)

// Write implements [io.Writer].
func (o *output) Write(p []byte) (int, error) {
	if o.b.Len()+len(p) > maxOutput {
		return 0, errLong
	}
	return o.b.Write(p)
}

// clip bounds a text.
func clip(s string) string {
	if len(s) > maxOutput {
		return strings.ToValidUTF8(s[:maxOutput], "")
	}
	return s
}

// walker goes over a template.
type walker struct {
	step   parse.Node
	known  []string
	steady bool
	err    error
}

// list looks at nodes; root tells that the dot is the thing itself.
func (w *walker) list(l *parse.ListNode, root bool) {
	if l == nil {
		return
	}
	for _, n := range l.Nodes {
		switch n := n.(type) {
		case *parse.TemplateNode:
			w.fail(errNoTemplates)
		case *parse.ActionNode:
			w.pipe(n.Pipe, root)
		case *parse.IfNode:
			w.branch(&n.BranchNode, root, root)
		case *parse.WithNode:
			w.branch(&n.BranchNode, root, false)
		case *parse.RangeNode:
			w.branch(&n.BranchNode, root, false)
			n.List.Nodes = slices.Insert(n.List.Nodes, 0, w.step)
		}
	}
}

// branch looks at a branch; inside tells whether the dot is the thing there.
func (w *walker) branch(n *parse.BranchNode, root, inside bool) {
	w.pipe(n.Pipe, root)
	w.list(n.List, inside)
	w.list(n.ElseList, root)
}

// pipe looks for fields that things do not have, or labels may not.
func (w *walker) pipe(p *parse.PipeNode, root bool) {
	if p == nil {
		return
	}
	for _, c := range p.Cmds {
		for _, arg := range c.Args {
			w.arg(arg, root)
		}
	}
}

func (w *walker) arg(n parse.Node, root bool) {
	switch n := n.(type) {
	case *parse.PipeNode:
		w.pipe(n, root)
	case *parse.FieldNode:
		w.fields(n.Ident, root)
	case *parse.VariableNode:
		w.fields(n.Ident[1:], n.Ident[0] == "$")
	case *parse.ChainNode:
		w.arg(n.Node, root)
		w.fields(n.Field, false)
	}
}

// fields looks at fields, one of the other; thing tells that the first is of the
// thing itself.
func (w *walker) fields(names []string, thing bool) {
	if w.steady && slices.Contains(names, "HostName") {
		w.fail(errUnsteady)
	}
	if thing && len(names) > 0 && !slices.Contains(w.known, names[0]) {
		w.fail(fmt.Errorf("there is no .%s; there are .%s, and with a key .Get %q", names[0], strings.Join(w.known, ", ."), names[0]))
	}
}

func (w *walker) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

// knownFields are what a thing has in templates.
func knownFields() []string {
	typ := reflect.TypeFor[*Thing]()
	out := make([]string, 0, typ.NumMethod())
	for i := range typ.NumMethod() {
		if name := typ.Method(i).Name; name != "String" {
			out = append(out, name)
		}
	}
	return out
}

// readable takes out of an error of the template library what speaks of how it was
// called.
func readable(err error) error {
	text := err.Error()
	rest, ok := strings.CutPrefix(text, "template: "+templateName+":")
	if !ok {
		return err
	}
	line, rest, _ := strings.Cut(rest, ":")
	if _, after, ok := strings.Cut(rest, "executing \""+templateName+"\" "); ok {
		rest = after
	}
	return fmt.Errorf("line %s: %s", line, strings.TrimSpace(rest))
}
