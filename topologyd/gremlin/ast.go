package gremlin

import "github.com/skein-net/skein/internal/entity"

// call is a step or a function with its arguments, as it was written.
type call struct {
	// name is the canonical spelling: CamelCase for steps, upper case for
	// functions.
	name string
	pos  int
	// end is where the closing parenthesis stands.
	end  int
	args []arg
	// bare is set for what is written without parentheses: G, ASC, DESC.
	bare bool
}

// arg is one argument: a literal, a function (a predicate, METADATA, ASC,
// DESC), or a sub-traversal.
type arg struct {
	pos int
	val entity.Value
	fn  *call
	// sub are the steps of a sub-traversal: Out('Type', 'bridge').Count().
	sub []call
}

// isLiteral reports whether the argument is a string, a number or a boolean.
func (a *arg) isLiteral() bool { return a.fn == nil && a.sub == nil }

// isKey reports whether the argument is a string.
func (a *arg) isKey() bool { return a.fn == nil && a.val.Kind() == entity.KindString }

// isInt reports whether the argument is an integer.
func (a *arg) isInt() bool { return a.fn == nil && a.val.Kind() == entity.KindInt }

// isFn reports whether the argument is a call of the named function.
func (a *arg) isFn(name string) bool { return a.fn != nil && a.fn.name == name }

// describe says what the argument is, for error messages.
func (a *arg) describe() string {
	if a.fn != nil {
		return a.fn.name
	}
	if a.sub != nil {
		return "the traversal " + clip(string(appendCalls(nil, a.sub)))
	}
	switch a.val.Kind() {
	case entity.KindString:
		return "the string " + clip(string(appendQuoted(nil, a.val.Str())))
	case entity.KindBool:
		return "the boolean " + string(appendLiteral(nil, a.val))
	case entity.KindInt:
		return "the integer " + string(appendLiteral(nil, a.val))
	default:
		return "the number " + string(appendLiteral(nil, a.val))
	}
}
