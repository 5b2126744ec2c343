package classic

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
)

// Replace puts function in the place of the function called symbol in a program
// that was not loaded yet. The stub has to be a function of its own, which the
// compiler neither takes into its callers nor guesses the result of:
//
//	__attribute__((noinline)) int filter(struct __sk_buff *skb)
//	{
//		volatile int all = 1;
//		return all;
//	}
//
// A function that is not static is verified once, however often it is called.
func Replace(p *ebpf.ProgramSpec, symbol string, function asm.Instructions) error {
	if len(function) == 0 {
		return errors.New("replace function: the new one is empty")
	}
	first, end := -1, len(p.Instructions)
	for i := range p.Instructions {
		in := &p.Instructions[i]
		switch {
		case in.Symbol() == symbol:
			first = i
		case first >= 0 && btf.FuncMetadata(in) != nil:
			end = i
		}
		if end < len(p.Instructions) {
			break
		}
	}
	if first < 0 {
		return fmt.Errorf("replace function: program %q has no function %q", p.Name, symbol)
	}
	old := p.Instructions[first]
	body := append(asm.Instructions(nil), function...)
	body[0] = body[0].WithSymbol(symbol)
	if meta := btf.FuncMetadata(&old); meta != nil {
		body[0] = btf.WithFuncMetadata(body[0], meta)
	}
	if source := old.Source(); source != nil {
		body[0] = body[0].WithSource(source)
	}
	all := append(asm.Instructions(nil), p.Instructions[:first]...)
	all = append(all, body...)
	p.Instructions = append(all, p.Instructions[end:]...)
	return nil
}
