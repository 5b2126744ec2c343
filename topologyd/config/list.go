package config

import "strings"

// List is a setting of several lines, one below the other. On the command line
// the flag is repeated, in the file it is a list or a text of several lines, in
// the environment a text of several lines.
type List string

// Items returns the lines without those that are blank.
func (l List) Items() []string {
	var out []string
	for line := range strings.Lines(string(l)) {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	return out
}

// String implements [pflag.Value].
func (l *List) String() string { return string(*l) }

// Type implements [pflag.Value].
func (l *List) Type() string { return "line" }

// Set implements [pflag.Value]: it adds lines.
func (l *List) Set(text string) error { return l.Append(text) }

// Append implements [pflag.SliceValue].
func (l *List) Append(text string) error {
	if *l != "" {
		text = string(*l) + "\n" + text
	}
	*l = List(text)
	return nil
}

// Replace implements [pflag.SliceValue].
func (l *List) Replace(lines []string) error {
	*l = List(strings.Join(lines, "\n"))
	return nil
}

// GetSlice implements [pflag.SliceValue].
func (l *List) GetSlice() []string { return l.Items() }
