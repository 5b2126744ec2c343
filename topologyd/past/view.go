package past

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/skein-net/skein/topologyd/graph"
)

// view builds the view of the last states.
func (f *fold) view(ctx context.Context, root *base, workers int) (*graph.View, error) {
	f.complete()
	var blocks []block
	nodes, edges := 0, 0
	if root != nil {
		blocks = append(append(blocks, root.nodeBlocks...), root.edgeBlocks...)
		nodes, edges = root.nodes, root.edges
	}
	b := graph.NewBuilder(nodes+len(f.touched)/4, edges+len(f.touched)/4)
	split := len(blocks) - edgeBlocks(root)
	err := parallel(ctx, workers, len(blocks), func() func(i int) (*batch, error) {
		s := &stepper{}
		return func(i int) (*batch, error) { return f.block(root, &blocks[i], s) }
	}, func(i int, out *batch) error {
		if i == split { // all nodes of the base are there: now those that are new
			if err := f.news(b, false); err != nil {
				return err
			}
		}
		for j := range out.nodes {
			b.AddNode(&out.nodes[j])
		}
		for j := range out.edges {
			b.AddEdge(&out.edges[j])
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if split == len(blocks) {
		if err := f.news(b, false); err != nil {
			return nil, err
		}
	}
	if err := f.news(b, true); err != nil {
		return nil, err
	}
	return b.View(f.revision), nil
}

func edgeBlocks(root *base) int {
	if root == nil {
		return 0
	}
	return len(root.edgeBlocks)
}

// batch is what a block became.
type batch struct {
	nodes []graph.Node
	edges []graph.Edge
}

// block brings the elements of a block to their last state.
func (f *fold) block(root *base, x *block, s *stepper) (*batch, error) {
	out := &batch{}
	if x.edges {
		out.edges = make([]graph.Edge, 0, x.count)
	} else {
		out.nodes = make([]graph.Node, 0, x.count)
	}
	var failed error
	err := root.elements(x, &s.in, func(_ int, e *element) bool {
		attrs := e.attrs
		if t := f.in(e); t != nil && (t.last != 0 || t.gone) {
			t.seen = true
			there, err := s.last(f, t, e)
			if err != nil {
				failed = err
				return false
			}
			if !there {
				return true
			}
			attrs = s.keep(e.attrs)
		}
		if x.edges {
			out.edges = append(out.edges, graph.Edge{})
			e.toEdge(&out.edges[len(out.edges)-1], attrs)
		} else {
			out.nodes = append(out.nodes, graph.Node{})
			e.node(&out.nodes[len(out.nodes)-1], attrs)
		}
		return true
	})
	return out, errors.Join(err, failed)
}

// news adds the elements that the base has not got.
func (f *fold) news(b *graph.Builder, edges bool) error {
	s := &stepper{}
	for i := range f.touched {
		t := &f.touched[i]
		if t.edge != edges || t.seen || t.last == 0 || t.gone || t.based {
			continue
		}
		e := element{id: t.id}
		there, err := s.last(f, t, &e)
		if err != nil {
			return err
		}
		if !there {
			continue
		}
		if edges {
			x := &graph.Edge{}
			e.toEdge(x, s.keep(e.attrs))
			b.AddEdge(x)
		} else {
			n := &graph.Node{}
			e.node(n, s.keep(e.attrs))
			b.AddNode(n)
		}
	}
	return nil
}

// parallel does n pieces of work with some goroutines, each with what prepare
// returns, and hands the results on in order. All of them have ended when it
// returns.
func parallel[T any](ctx context.Context, workers, n int, prepare func() func(i int) (T, error), done func(i int, r T) error) error {
	type result struct {
		r   T
		err error
	}
	results := make([]chan result, n)
	for i := range results {
		results[i] = make(chan result, 1)
	}
	var next atomic.Int64
	var stop atomic.Bool
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop.Store(true)
	for range min(workers, n) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			work := prepare()
			for {
				i := int(next.Add(1)) - 1
				if i >= n || stop.Load() {
					return
				}
				r, err := work(i)
				results[i] <- result{r, err}
			}
		}()
	}
	for i := range results {
		select {
		case r := <-results[i]:
			if r.err != nil {
				return r.err
			}
			if err := done(i, r.r); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
