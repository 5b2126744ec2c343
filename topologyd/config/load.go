package config

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/pflag"
	"gopkg.in/yaml.v3"
)

// maxFile bounds the configuration file.
const maxFile = 1 << 20

// Load returns the settings of all sources. flags are the flags as [Config.Flags]
// made them for the command line, already parsed; lookup finds an environment
// variable ([os.LookupEnv]). The settings are not validated yet.
func Load(flags *pflag.FlagSet, lookup func(string) (string, bool)) (Config, error) {
	c := DefaultConfig()
	set := c.Flags()

	file := flags.Lookup(configFlag).Value.String()
	if v, ok := lookup(EnvName(configFlag)); ok && !flags.Changed(configFlag) {
		file = v
	}
	if file != "" {
		if err := loadFile(set, file); err != nil {
			return Config{}, err
		}
	}
	var errs []error
	set.VisitAll(func(f *pflag.Flag) {
		if v, ok := lookup(EnvName(f.Name)); ok && f.Name != configFlag {
			if err := setValue(f, v); err != nil {
				errs = append(errs, fmt.Errorf("environment variable %s: %w", EnvName(f.Name), err))
			}
		}
	})
	flags.VisitAll(func(f *pflag.Flag) {
		if own := set.Lookup(f.Name); own != nil && f.Changed {
			if err := setValue(own, f.Value.String()); err != nil {
				errs = append(errs, fmt.Errorf("flag --%s: %w", f.Name, err))
			}
		}
	})
	c.File = file
	return c, errors.Join(errs...)
}

func loadFile(set *pflag.FlagSet, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open configuration: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	if len(text) > maxFile {
		return fmt.Errorf("read configuration: %s is larger than %d bytes", path, maxFile)
	}
	if err := apply(set, text); err != nil {
		return fmt.Errorf("configuration %s: %w", path, err)
	}
	return nil
}

// apply sets what a YAML document says. Every mistake is reported with its
// line.
func apply(set *pflag.FlagSet, text []byte) error {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return fmt.Errorf("parse YAML: %w", err)
	}
	if doc.Kind == 0 { // an empty file
		return nil
	}
	root := doc.Content[0]
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return nil
	}
	if root.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: want lines of the form key: value", root.Line)
	}
	var errs []error
	bad := func(line int, format string, args ...any) {
		errs = append(errs, fmt.Errorf("line %d: %w", line, fmt.Errorf(format, args...)))
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		flag := set.Lookup(key.Value)
		switch first, twice := seen[key.Value]; {
		case flag == nil || key.Value == configFlag:
			bad(key.Line, "unknown key %q; the keys are the names of the flags, see topologyd --help", key.Value)
		case twice:
			bad(key.Line, "key %q is already set in line %d", key.Value, first)
		case value.Kind == yaml.SequenceNode && isList(flag):
			if err := setList(flag, value); err != nil {
				bad(value.Line, "key %q: %w", key.Value, err)
			}
		case value.Kind != yaml.ScalarNode:
			bad(value.Line, "key %q takes one value", key.Value)
		default:
			if err := setValue(flag, value.Value); err != nil {
				bad(value.Line, "key %q: %w", key.Value, err)
			}
		}
		seen[key.Value] = key.Line
	}
	return errors.Join(errs...)
}

func isList(f *pflag.Flag) bool {
	_, ok := f.Value.(pflag.SliceValue)
	return ok
}

// setList sets a flag of several lines from a list.
func setList(f *pflag.Flag, list *yaml.Node) error {
	var lines []string
	for _, n := range list.Content {
		if n.Kind != yaml.ScalarNode {
			return fmt.Errorf("line %d: want a list of texts; put the text in quotes", n.Line)
		}
		lines = append(lines, n.Value)
	}
	return f.Value.(pflag.SliceValue).Replace(lines)
}

// setValue sets a flag, whatever another source said, and says what it would
// have taken.
func setValue(f *pflag.Flag, text string) error {
	if list, ok := f.Value.(pflag.SliceValue); ok {
		return list.Replace([]string{text})
	}
	err := f.Value.Set(text)
	if err == nil {
		return nil
	}
	switch f.Value.Type() {
	case "int":
		return fmt.Errorf("%q is not a whole number", text)
	case "bool":
		return fmt.Errorf("%q is neither true nor false", text)
	case "duration":
		return fmt.Errorf("%q is not a duration; write for example 500ms, 10s or 2m", text)
	default:
		return err
	}
}
