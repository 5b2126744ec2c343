package verify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/skein-net/skein/topologyd/auth"
	"github.com/skein-net/skein/topologyd/auth/authfile"
	"github.com/skein-net/skein/topologyd/auth/limit"
)

// issuer holds the keys of an OpenID Connect issuer, which one goroutine fetches,
// and checks its JWTs.
type issuer struct {
	conf *authfile.OIDC
	v    *Verifier
	keys atomic.Pointer[keySet] // nil before they were first had

	mu      sync.Mutex
	tried   time.Time     // when the last attempt ended
	attempt chan struct{} // closed when the next one has ended
	want    chan struct{} // holds one: an attempt is wanted
	cancel  context.CancelFunc
	ended   sync.WaitGroup

	wrong *limit.Limiter[netip.Addr] // JWTs that were, by address
	turns chan struct{}              // holds one while a JWT of such an address is looked at
}

func newIssuer(conf *authfile.OIDC, v *Verifier) *issuer {
	i := &issuer{conf: conf, v: v, attempt: make(chan struct{}), want: make(chan struct{}, 1), turns: make(chan struct{}, 1)}
	// It fails for sizes that Config.Validate refused.
	i.wrong, _ = limit.New[netip.Addr](limit.Config{Rate: float64(v.cfg.FailureRate), Burst: 2 * v.cfg.FailureRate, Clients: 16384})
	return i
}

// same tells whether an issuer is what a file wants.
func (i *issuer) same(conf *authfile.OIDC) bool { return reflect.DeepEqual(i.conf, conf) }

func (i *issuer) start(ctx context.Context) {
	ctx, i.cancel = context.WithCancel(ctx)
	i.ended.Go(func() { i.run(ctx) })
}

func (i *issuer) stop() {
	i.cancel()
	i.ended.Wait()
}

// size is how many keys are known.
func (i *issuer) size() int {
	if s := i.keys.Load(); s != nil {
		return len(s.keys)
	}
	return 0
}

// fetched is when the keys were, in seconds since 1970, 0 for never.
func (i *issuer) fetched() float64 {
	if s := i.keys.Load(); s != nil {
		return float64(s.at.UnixMilli()) / 1e3
	}
	return 0
}

// run fetches the keys now, from time to time, and when one is wanted.
func (i *issuer) run(ctx context.Context) {
	problem := ""
	for {
		began := time.Now()
		set, err := i.fetch(ctx)
		if ctx.Err() != nil {
			return
		}
		wait := i.v.cfg.KeysEvery
		if err != nil {
			wait = min(wait, i.v.cfg.KeysWithin)
			i.v.m.fetches.WithLabelValues("failed").Inc()
			if text := err.Error(); text != problem {
				problem = text
				i.warn("keys of the issuer of JWTs cannot be fetched; those that are known stay", "issuer", i.conf.Issuer, "error", err)
			}
		} else {
			problem = ""
			i.v.m.fetches.WithLabelValues("ok").Inc()
			i.take(set)
		}
		i.mu.Lock()
		i.tried = time.Now()
		close(i.attempt)
		i.attempt = make(chan struct{})
		i.mu.Unlock()
		if !i.sleep(ctx, began, wait) {
			return
		}
	}
}

// sleep waits until the next attempt: so long, or less when one is wanted, but
// never so little that whoever sends JWTs could have the issuer flooded.
func (i *issuer) sleep(ctx context.Context, began time.Time, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	case <-i.want:
	}
	timer.Reset(time.Until(began.Add(i.v.cfg.KeysWithin)))
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// take takes a set of keys into use.
func (i *issuer) take(set *keySet) {
	old := i.keys.Load()
	same := old != nil && old.equal(set)
	if same {
		set.good = old.good
	} else {
		set.good, _ = lru.New[jwtKey, *auth.Identity](i.v.cfg.JWTs) // as above
	}
	i.keys.Store(set)
	if old != nil && !same {
		i.v.change()
		if i.v.deps.Log != nil {
			i.v.deps.Log.Info("issuer of JWTs has other keys", "issuer", i.conf.Issuer, "keys", len(set.keys))
		}
	}
	if set.skipped > 0 && (old == nil || old.skipped != set.skipped) {
		i.warn("issuer of JWTs has keys that are not taken: not public, too short or of an unknown kind", "issuer", i.conf.Issuer, "keys", set.skipped)
	}
}

// await has the keys fetched anew, unless that was done a moment ago, and waits for
// it. It tells whether it was done.
func (i *issuer) await(ctx context.Context) bool {
	i.mu.Lock()
	done, tried := i.attempt, i.tried
	i.mu.Unlock()
	if !tried.IsZero() && time.Since(tried) < i.v.cfg.KeysWithin {
		return false
	}
	i.ask()
	timer := time.NewTimer(i.v.cfg.FetchTimeout)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-ctx.Done():
	case <-timer.C:
	}
	return false
}

// ask has the keys fetched anew, as soon as they may be.
func (i *issuer) ask() {
	select {
	case i.want <- struct{}{}:
	default: // somebody wants it already
	}
}

// turn waits for the turn of an address from which too many JWTs were wrong. Those of
// all such addresses are looked at one after the other, and with a pause as long as
// that took: half a core is what they get, and somebody behind the same address whose
// JWT is good waits for as many as wait before him, and is not shut out.
func (i *issuer) turn(ctx context.Context) (done func(), ok bool) {
	timer := time.NewTimer(turnPatience)
	defer timer.Stop()
	select {
	case i.turns <- struct{}{}:
	case <-ctx.Done():
		return nil, false
	case <-timer.C:
		return nil, false
	}
	begin := time.Now()
	return func() { time.AfterFunc(time.Since(begin), func() { <-i.turns }) }, true
}

// turnPatience is how long somebody waits for his turn.
const turnPatience = time.Second

// maxIssuerAnswer bounds what an issuer may answer, in bytes.
const maxIssuerAnswer = 1 << 20

// fetch asks the issuer for its keys (OpenID Connect Discovery 1.0, section 4; RFC
// 7517). The CAs are read each time.
func (i *issuer) fetch(ctx context.Context) (*keySet, error) {
	ctx, cancel := context.WithTimeout(ctx, i.v.cfg.FetchTimeout)
	defer cancel()
	client, err := i.client()
	if err != nil {
		return nil, err
	}
	defer client.CloseIdleConnections()
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, client), i.conf.Issuer)
	if err != nil {
		return nil, fmt.Errorf("ask what the issuer is: %w", short{err})
	}
	var meta struct {
		Keys string `json:"jwks_uri"`
	}
	if err := provider.Claims(&meta); err != nil {
		return nil, fmt.Errorf("read what the issuer is: %w", short{err})
	}
	if err := authfile.CheckURL(meta.Keys); err != nil {
		return nil, fmt.Errorf("jwks_uri of the issuer: %w", err)
	}
	if strings.HasPrefix(i.conf.Issuer, "https:") && !strings.HasPrefix(meta.Keys, "https:") {
		return nil, errors.New("jwks_uri of the issuer: it is not https, as the issuer is")
	}
	return fetchKeys(ctx, client, meta.Keys)
}

func (i *issuer) client() (*http.Client, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if i.conf.CAFile != "" {
		pem, err := os.ReadFile(i.conf.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read ca_file: %w", err)
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read ca_file: %s has no certificate", i.conf.CAFile)
		}
	}
	return &http.Client{
		Transport: bounded{&http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: conf, MaxResponseHeaderBytes: 64 << 10, ForceAttemptHTTP2: true,
		}, maxIssuerAnswer},
		// Keys come from where the file says.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

func (i *issuer) warn(msg string, args ...any) {
	if i.v.deps.Log != nil {
		i.v.deps.Log.Warn(msg, args...)
	}
}

// bounded bounds the bodies of answers.
type bounded struct {
	http.RoundTripper
	max int64
}

// RoundTrip implements [http.RoundTripper].
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		resp.Body = http.MaxBytesReader(nil, resp.Body, b.max)
	}
	return resp, err
}

// CloseIdleConnections lets [http.Client] do so.
func (b bounded) CloseIdleConnections() {
	if c, ok := b.RoundTripper.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// short is an error in one line that is not long: some hold what a server answered.
type short struct{ error }

// Error implements error.
func (s short) Error() string {
	text := strings.Join(strings.Fields(s.error.Error()), " ")
	if most := 300; len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + " …"
	}
	return text
}

// Unwrap returns the whole error.
func (s short) Unwrap() error { return s.error }
