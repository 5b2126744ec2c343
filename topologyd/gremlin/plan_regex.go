package gremlin

import (
	"regexp/syntax"
	"slices"
	"unicode/utf8"
)

// maxStarts is how many beginnings of texts a regular expression is taken for.
const maxStarts = 16

// starts gives texts with one of which everything begins that a regular
// expression matches as a whole; whole tells that it matches just these. None
// means that anything may stand at the beginning.
func starts(expr string) (texts []string, whole bool) {
	re, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return nil, false
	}
	texts, whole = beginnings(re)
	slices.Sort(texts)
	texts = slices.Compact(texts)
	if !whole && slices.Contains(texts, "") {
		return nil, false
	}
	return texts, whole
}

// beginnings is [starts] for a part of an expression; the empty text stands for
// anything when whole is not set.
func beginnings(re *syntax.Regexp) (texts []string, whole bool) {
	anything := []string{""}
	switch re.Op {
	case syntax.OpEmptyMatch:
		return anything, true
	case syntax.OpLiteral:
		if re.Flags&syntax.FoldCase != 0 || slices.Contains(re.Rune, utf8.RuneError) {
			return anything, false
		}
		return []string{string(re.Rune)}, true
	case syntax.OpCharClass:
		for i := 0; i+1 < len(re.Rune); i += 2 {
			for r := re.Rune[i]; r <= re.Rune[i+1]; r++ {
				if len(texts) == maxStarts || r == utf8.RuneError {
					return anything, false
				}
				texts = append(texts, string(r))
			}
		}
		return texts, true
	case syntax.OpCapture:
		return beginnings(re.Sub[0])
	case syntax.OpPlus, syntax.OpRepeat:
		if re.Op == syntax.OpRepeat && re.Min == 0 {
			return anything, false
		}
		texts, _ = beginnings(re.Sub[0])
		return texts, false
	case syntax.OpQuest:
		texts, whole = beginnings(re.Sub[0])
		return append(slices.Clone(texts), ""), whole
	case syntax.OpAlternate:
		whole = true
		for _, sub := range re.Sub {
			more, all := beginnings(sub)
			if len(texts)+len(more) > maxStarts {
				return anything, false
			}
			texts, whole = append(texts, more...), whole && all
		}
		return texts, whole
	case syntax.OpConcat:
		texts, whole = anything, true
		for _, sub := range re.Sub {
			more, all := beginnings(sub)
			if len(texts)*len(more) > maxStarts {
				return texts, false
			}
			var longer []string
			for _, a := range texts {
				for _, b := range more {
					longer = append(longer, a+b)
				}
			}
			if texts, whole = longer, all; !whole {
				break
			}
		}
		return texts, whole
	default:
		return anything, false
	}
}
