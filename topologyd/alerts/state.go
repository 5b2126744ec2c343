package alerts

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/skein-net/skein/topologyd/alert"
)

// stateVersion is that of the file. A newer one is not read.
const stateVersion = 1

// saved is what survives a restart: a line of JSON with the version, then a line
// for each rule.
type savedHead struct {
	Version int       `json:"version"`
	Saved   time.Time `json:"saved"`
	Rules   int       `json:"rules"`
}

// savedRule is what survives of one rule.
type savedRule struct {
	Key   string               `json:"key"`
	State *alert.Saved         `json:"state"`
	Extra map[string]savedNote `json:"extra,omitempty"`
}

// savedNote is what is kept of one alert, by its labels.
type savedNote struct {
	Notes map[string]string `json:"annotations,omitempty"`
	Sent  time.Time         `json:"sent"`
}

// errTooLarge tells that what is to be saved is more than may be.
var errTooLarge = errors.New("it would be too large")

// save writes the state of rules, whole or not at all (rename(2)).
func save(path string, now time.Time, rules []savedRule, most int64) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+unfinished+"*")
	if err != nil {
		return err // with the path
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	w := &bounded{w: bufio.NewWriterSize(f, 1<<16), left: most}
	enc := json.NewEncoder(w)
	if err = enc.Encode(savedHead{stateVersion, now.UTC(), len(rules)}); err != nil {
		return err
	}
	for i := range rules {
		if err = enc.Encode(&rules[i]); err != nil {
			return err
		}
	}
	if err = w.w.Flush(); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// unfinished is what the name of a file that is being written has beside the
// final one's.
const unfinished = ".new-"

// sweep removes what a daemon left that ended while it wrote.
func sweep(path string) {
	left, _ := os.ReadDir(filepath.Dir(path)) // what cannot be seen stays
	for _, f := range left {
		if strings.HasPrefix(f.Name(), filepath.Base(path)+unfinished) {
			_ = os.Remove(filepath.Join(filepath.Dir(path), f.Name()))
		}
	}
}

// bounded refuses to write more than it may.
type bounded struct {
	w    *bufio.Writer
	left int64
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.left -= int64(len(p)); b.left < 0 {
		return 0, errTooLarge
	}
	return b.w.Write(p)
}

// load reads what was saved, by key; none when there is no file. The error says
// why a file cannot be used.
func load(path string, most int64) (map[string]*savedRule, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err // with the path
	}
	defer f.Close() //nolint:errcheck // only read
	dec := json.NewDecoder(io.LimitReader(f, most))
	var head savedHead
	if err := dec.Decode(&head); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if head.Version != stateVersion {
		return nil, fmt.Errorf("read %s: it is of version %d, this daemon reads %d", path, head.Version, stateVersion)
	}
	out := make(map[string]*savedRule)
	for range head.Rules {
		r := new(savedRule)
		if err := dec.Decode(r); err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		out[r.Key] = r
	}
	return out, nil
}
