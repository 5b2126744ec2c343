package verify

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/skein-net/skein/topologyd/auth"
	"github.com/skein-net/skein/topologyd/auth/authfile"
	"github.com/skein-net/skein/topologyd/confile"
)

// Config says what proofs are checked against.
type Config struct {
	// File is the path of the file ([authfile.File]).
	File string
	// Reload is how often it is looked at: so long a token that was removed from it
	// is good at most.
	Reload time.Duration
	// ClockSkew is how far the issuer's clock may be off.
	ClockSkew time.Duration
	// KeysEvery is how often the issuer's keys are fetched, KeysWithin how soon after
	// the last time they are fetched again because a JWT has a key that is not among
	// them, or because it failed, and FetchTimeout how long it may take.
	KeysEvery, KeysWithin, FetchTimeout time.Duration
	// JWTs is how many JWTs that were good are remembered, so that their signatures
	// are checked once.
	JWTs int
	// FailureRate is how many wrong JWTs a second one address may send before its JWTs
	// are looked at one at a time.
	FailureRate int
}

// DefaultConfig returns the defaults, without a file.
func DefaultConfig() Config {
	return Config{
		Reload: 2 * time.Second, ClockSkew: time.Minute,
		KeysEvery: 15 * time.Minute, KeysWithin: 10 * time.Second, FetchTimeout: 10 * time.Second,
		JWTs: 4096, FailureRate: 10,
	}
}

// Validate tells what is wrong.
func (c *Config) Validate() error {
	if c.File == "" {
		return errors.New("there is no file with tokens; give --auth-file")
	}
	for name, d := range map[string]time.Duration{
		"time between looks at the file": c.Reload, "skew": c.ClockSkew, "time between fetches": c.KeysEvery,
		"least time between fetches": c.KeysWithin, "time for fetching": c.FetchTimeout,
	} {
		if d <= 0 {
			return fmt.Errorf("%s: %v is too short", name, d)
		}
	}
	if c.JWTs < 1 || c.FailureRate < 1 {
		return errors.New("the JWTs to remember and the rate of failures must be more than zero")
	}
	return nil
}

// Chains checks the chains of certificates that clients showed. [servertls.Server]
// is one.
type Chains interface {
	// Verify tells why a chain, the client's own certificate first, is not good now.
	Verify(chain []*x509.Certificate) error
	// Changed is closed when what it says may be different from before.
	Changed() <-chan struct{}
}

// Deps are what a [Verifier] uses.
type Deps struct {
	Log *slog.Logger
	// Metrics is where metrics are registered; nil: nowhere.
	Metrics prometheus.Registerer
	// Chains checks chains again with each request, so that a CA that is not trusted
	// any more counts for connections that are open, too. nil: the handshake's check
	// is enough.
	Chains Chains
}

// Verifier proves identities. Its methods may be called concurrently.
type Verifier struct {
	cfg   Config
	deps  Deps
	files *confile.Files[*authfile.File] // of the goroutine of run, and of Start before
	m     *metrics
	state atomic.Pointer[state]

	mu      sync.Mutex
	changed chan struct{}

	cancel context.CancelFunc
	ended  sync.WaitGroup
}

// state is what one version of the file says.
type state struct {
	file         *authfile.File
	tokens       tokens
	certificates certificates
	issuer       *issuer // nil: JWTs are not taken
}

// New returns a verifier that knows nobody before Start.
func New(cfg Config, deps Deps) (*Verifier, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	v := &Verifier{cfg: cfg, deps: deps, changed: make(chan struct{})}
	v.state.Store(new(state))
	if strings.ContainsAny(cfg.File, `*?[\`) {
		return nil, errors.New("the file of --auth-file is one file; give its path without wildcards")
	}
	var err error
	v.files, err = confile.New([]string{cfg.File}, authfile.MaxBytes, func(_ string, b []byte) (*authfile.File, error) { return authfile.Parse(b) })
	if err != nil {
		return nil, fmt.Errorf("follow the file of --auth-file: %w", err)
	}
	v.files.What, v.files.Log = "identities", deps.Log
	if v.m, err = newMetrics(v, deps.Metrics); err != nil {
		return nil, err
	}
	return v, nil
}

// Start reads the file, and follows it until Stop. A file that cannot be used is an
// error; an issuer that does not answer is not.
func (v *Verifier) Start(context.Context) error {
	now := time.Now()
	v.files.Read(now)
	f := v.files.List()[0] // a file that is named is always listed
	if !f.Good {
		return fmt.Errorf("read %s: %s", v.cfg.File, f.Problem)
	}
	ctx, cancel := context.WithCancel(context.Background())
	v.cancel = cancel
	v.use(ctx, f.Value, now)
	var chains <-chan struct{} // taken now: nobody may change them unnoticed
	if v.deps.Chains != nil {
		chains = v.deps.Chains.Changed()
	}
	v.ended.Go(func() { v.run(ctx, now, chains) })
	return nil
}

// Stop ends what Start began. Who was known stays known.
func (v *Verifier) Stop() {
	if v.cancel == nil {
		return
	}
	v.cancel()
	v.ended.Wait()
}

// Changed returns a channel that is closed when somebody's proof may not hold any
// more: the file changed, a token of it expired, the issuer has other keys, other CAs
// are trusted. Whoever keeps something open for an identity takes the channel, then
// calls Identify with the same credentials, and again when the channel is closed or
// [auth.Identity.Expires] is reached, and ends it on an error or a lesser identity.
func (v *Verifier) Changed() <-chan struct{} {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.changed
}

func (v *Verifier) change() {
	v.mu.Lock()
	defer v.mu.Unlock()
	close(v.changed)
	v.changed = make(chan struct{})
}

// Identify proves who has these credentials. An Authorization header decides, even
// when it is wrong, before a certificate. Errors are [ErrNone] and [*InvalidError].
// ctx bounds how long it waits for the issuer of a JWT; a token and a certificate
// wait for nobody. The identity is shared, and must not be changed.
func (v *Verifier) Identify(ctx context.Context, c auth.Credentials) (*auth.Identity, error) {
	id, err := v.identify(ctx, &c)
	if err != nil {
		return nil, err
	}
	if id == nil {
		return nil, ErrNone
	}
	return id, nil
}

// identify returns neither an identity nor an error when there are no credentials.
// Its error has a type, so that nil is nil: Identify makes an error of it.
func (v *Verifier) identify(ctx context.Context, c *auth.Credentials) (*auth.Identity, *InvalidError) {
	now, s := time.Now(), v.state.Load()
	switch {
	case c.Authorization != "":
		token, err := fromHeader(c.Authorization)
		if err != nil {
			return nil, err
		}
		if len(token) <= authfile.MaxToken {
			if id, err := s.tokens.find(token, now); err != errUnknown {
				return id, err
			}
		}
		if s.issuer == nil || !looksLikeJWT(token) {
			return nil, errUnknown
		}
		return s.issuer.identify(ctx, token, c.Remote, now)
	case len(c.Certificates) > 0:
		if v.deps.Chains != nil {
			if err := v.deps.Chains.Verify(c.Certificates); err != nil {
				return nil, chainError(err)
			}
		}
		return s.certificates.find(c.Certificates[0], now)
	}
	return nil, nil
}

// chainError says what is wrong with a chain.
func chainError(err error) *InvalidError {
	var cert x509.CertificateInvalidError
	if errors.As(err, &cert) && cert.Reason == x509.Expired {
		return errCertExpired // or not valid yet, which the handshake refused
	}
	return errChain
}
