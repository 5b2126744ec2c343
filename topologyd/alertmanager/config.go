package alertmanager

import (
	"fmt"
	"log/slog"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/skein-net/skein/topologyd/confile"
)

// Config says where Alertmanagers are, and the limits of a [Notifier].
type Config struct {
	// File is a YAML file of the shape of [File], "" for none.
	File string
	// URLs are addresses of Alertmanagers that need nothing but that, for example
	// http://127.0.0.1:9093.
	URLs []string
	// FileEvery is how often the file is looked at.
	FileEvery time.Duration
	// Queue is how many alerts wait for one Alertmanager at most, and how many are
	// known to fire: as many as there may be, or those that are sent again would push
	// one another out. Batch is how many go into one request.
	Queue, Batch int
	// RetryMin is how long to wait after a request that failed; twice as long after
	// each one more, up to RetryMax.
	RetryMin, RetryMax time.Duration
	// Drain is how long Stop tries to send what is queued.
	Drain time.Duration
	// MaxAlertmanagers is how many are told at most; discovery could find any number.
	MaxAlertmanagers int
}

// DefaultConfig returns the configuration of a daemon that has no Alertmanager.
func DefaultConfig() Config {
	return Config{
		FileEvery: 2 * time.Second, Queue: 100_000, Batch: 64,
		RetryMin: 250 * time.Millisecond, RetryMax: 5 * time.Second, Drain: 3 * time.Second,
		MaxAlertmanagers: 64,
	}
}

// maxFile bounds the file of Alertmanagers.
const maxFile = 1 << 20

// fileReader follows the file of Alertmanagers.
type fileReader struct{ files *confile.Files[*File] }

func newFileReader(cfg *Config, log *slog.Logger) (*fileReader, error) {
	var names []string
	if cfg.File != "" {
		names = []string{cfg.File}
	}
	f, err := confile.New(names, maxFile, Parse)
	if err != nil {
		return nil, err
	}
	f.What, f.Log = "Alertmanagers", log
	return &fileReader{f}, nil
}

// read returns what the file said when it could last be used, nil before that;
// whether it cannot be used as it is; and whether either changed.
func (r *fileReader) read(now time.Time) (f *File, problem, changed bool) {
	changed = r.files.Read(now)
	list := r.files.List()
	if len(list) == 0 {
		return nil, false, changed
	}
	return list[0].Value, list[0].Problem != "", changed
}

// fromURLs returns the Alertmanagers of addresses.
func fromURLs(urls []string) (out []Endpoints, err error) {
	for i, text := range urls {
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" {
			// The address is not told: it may hold a password.
			return nil, fmt.Errorf("URL %d of Alertmanagers is not of the form http://HOST:PORT[/PREFIX]", i+1)
		}
		e := defaultEndpoints()
		e.Scheme, e.PathPrefix, e.Static = u.Scheme, u.Path, []*Targets{{Targets: []string{u.Host}}}
		if err := e.check(); err != nil {
			return nil, fmt.Errorf("URL %d of Alertmanagers: %w", i+1, err)
		}
		out = append(out, e)
	}
	return out, nil
}

// urlOf returns the URL of an Alertmanager, by which it is known.
func urlOf(e *Endpoints, host string) string {
	u := url.URL{Scheme: e.Scheme, Host: host, Path: path.Join("/", e.PathPrefix)}
	return strings.TrimSuffix(u.String(), "/")
}
