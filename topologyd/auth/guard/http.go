package guard

import (
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/audit"
	"github.com/skein-net/skein/topologyd/auth"
	"github.com/skein-net/skein/topologyd/auth/limit"
)

// Route lets those in who have what a route needs. Whoever is refused is answered
// before the handler is called, and before a byte of the body is read.
func (g *Guard) Route(r httpx.Route) httpx.Route {
	next, what := r.Handler, r.Method+" "+r.Path
	needs := r.Needs
	r.Handler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if no := g.foreign(req); no != nil {
			g.refuse(w, g.request(req, needs, what), no)
			return
		}
		if needs == auth.Public {
			g.n.public.Inc()
			next.ServeHTTP(w, req.WithContext(auth.With(req.Context(), g.nobody())))
			return
		}
		reviews := g.lasting.reviews.Load()
		ask := g.request(req, needs, what)
		id, no := g.let(req.Context(), ask)
		if no != nil {
			g.refuse(w, ask, no)
			return
		}
		// Sessions of hosts are bounded where they are, by host: they may share a token.
		if needs != auth.Follow && (g.Asks() || !ask.Remote.IsLoopback()) {
			h, c, size := &g.open, client(id, ask.Remote), int64(0)
			if needs == auth.Report {
				h, c, size = &g.hand, holder(id, ask.Remote), g.size(req)
			}
			if !h.take(c, size) {
				g.refuse(w, ask, tooMuchInHand())
				return
			}
			defer h.give(c, size)
		}
		g.n.ok.Inc()
		ctx := auth.With(req.Context(), id)
		if g.Asks() {
			w.Header()["Cache-Control"] = noStore
			var leave func()
			ctx, leave = g.begin(ctx, ask.Credentials, id, reviews)
			defer leave()
		}
		next.ServeHTTP(w, req.WithContext(ctx))
	})
	return r
}

// nobody is who asks for what is public.
func (g *Guard) nobody() *auth.Identity {
	if g.Asks() {
		return g.unknown
	}
	return g.anybody
}

// holder is whose requests in hand are counted together: those of one identity from
// one address, because hosts may share a token.
func holder(id *auth.Identity, remote netip.Addr) limit.Client {
	return limit.Client{Method: id.Method, Name: id.Name, Address: limit.Address(remote)}
}

// size is how much a body is said to hold.
func (g *Guard) size(r *http.Request) int64 {
	if r.ContentLength < 0 || r.ContentLength > g.cfg.MaxBody {
		return g.cfg.MaxBody
	}
	return r.ContentLength
}

// request reads who sends a request.
func (g *Guard) request(r *http.Request, needs auth.Permission, what string) *request {
	out := &request{needs: needs, what: what, actor: audit.Actor{Remote: r.RemoteAddr, UserAgent: r.UserAgent()}}
	switch list := r.Header["Authorization"]; len(list) {
	case 0:
	case 1:
		out.Authorization = list[0]
	default:
		out.many = true
	}
	if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
		out.Certificates = r.TLS.PeerCertificates
	}
	out.ends.remote = addressPort(r.RemoteAddr)
	out.Remote = out.ends.remote.Addr()
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		out.ends.local = addrPort(local)
	}
	return out
}

// addressPort is the remote end of a connection, not valid when it is none.
func addressPort(s string) netip.AddrPort {
	a, err := netip.ParseAddrPort(s)
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// refuse answers, counts and writes down that a request was not let in.
func (g *Guard) refuse(w http.ResponseWriter, r *request, no *refusal) {
	g.refused(r, no)
	h := w.Header()
	h["Cache-Control"] = noStore
	if no.status == http.StatusUnauthorized && len(r.Certificates) > 0 && r.Authorization == "" {
		// A client that has renewed its certificate shows the new one on another
		// connection alone. HTTP/2 makes a GOAWAY of it.
		h.Set("Connection", "close")
	}
	if no.status == http.StatusUnauthorized {
		challenge := `Bearer realm="topologyd"` // RFC 6750, section 3
		if no.reason != reasonNone {
			challenge += `, error="invalid_token"`
		}
		h.Set("WWW-Authenticate", challenge)
	}
	err := &httpx.Error{Code: no.code, Message: no.message}
	if no.retry > 0 {
		h.Set("Retry-After", strconv.Itoa(no.retry))
	}
	if r.needs == auth.Report { // with the members that InfluxDB's clients read
		httpx.WriteJSON(w, no.status, struct {
			Code    string       `json:"code"`
			Message string       `json:"message"`
			Error   *httpx.Error `json:"error"`
		}{err.Code, err.Message, err})
		return
	}
	httpx.WriteError(w, no.status, err)
}

// refused counts a refusal and writes it down.
func (g *Guard) refused(r *request, no *refusal) {
	g.n.requests.WithLabelValues(no.result()).Inc()
	g.n.refused.WithLabelValues(no.reason).Inc()
	if no.quiet || g.deps.Audit == nil {
		return
	}
	err := g.deps.Audit.Record(audit.Record{Action: audit.AuthRefused, Outcome: audit.Refused, Reason: no.reason, Actor: r.actor, Endpoint: r.what})
	if err != nil {
		g.deps.Log.Error("a refusal is not in the audit log", "error", err)
	}
}

// foreign refuses what the browser of somebody sends for a page of another site:
// what changes something, and what opens a WebSocket, by the header Origin (RFC
// 6454) or Sec-Fetch-Site; and, where nobody is asked because only this host gets
// here, what is addressed by a name that is not of this host, as a page does whose
// name was made to lead here (DNS rebinding).
func (g *Guard) foreign(r *http.Request) *refusal {
	if !g.Asks() && !g.named(r) {
		return &refusal{status: http.StatusForbidden, reason: reasonHost, code: httpx.CodeForbidden, message: "the header Host names neither an " +
			"address nor this host: address the daemon by its address, or give its name in --external-url, or have requests prove who asks by --auth-file"}
	}
	origin := r.Header.Get("Origin")
	if origin == "" && r.Header.Get("Sec-Fetch-Site") == "" {
		return nil // no browser
	}
	var err error
	if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		probe := http.Request{Method: http.MethodPost, Header: r.Header, Host: r.Host, URL: r.URL}
		err = new(http.CrossOriginProtection).Check(&probe)
	} else {
		err = new(http.CrossOriginProtection).Check(r)
	}
	if err == nil {
		return nil
	}
	return &refusal{status: http.StatusForbidden, reason: reasonOrigin, code: httpx.CodeForbidden,
		message: "a page of another site sent this; requests that change something, and WebSockets, are taken from pages of this address alone"}
}

// named tells whether a request to a daemon that asks nobody is addressed as only
// those address it who know it.
func (g *Guard) named(r *http.Request) bool {
	if !addressPort(r.RemoteAddr).Addr().IsLoopback() {
		return true // who reaches it from elsewhere needs no detour by a browser
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return true
	}
	if !strings.Contains(host, ".") || strings.HasSuffix(host, ".localhost") {
		return true // no name of the Internet
	}
	for _, name := range g.cfg.Names {
		if strings.EqualFold(name, host) {
			return true
		}
	}
	return false
}

// noStore keeps answers out of every cache; no append writes to it.
var noStore = []string{"no-store"}

// Handler adds to every answer what keeps browsers from taking it for something
// else (OWASP HTTP Headers Cheat Sheet).
func (g *Guard) Handler(next http.Handler) http.Handler {
	type header struct {
		name  string // in its canonical form
		value []string
	}
	set := []header{
		{"X-Content-Type-Options", []string{"nosniff"}},
		{"X-Frame-Options", []string{"DENY"}},
		{"Content-Security-Policy", []string{"default-src 'none'; frame-ancestors 'none'"}},
		{"Cross-Origin-Resource-Policy", []string{"same-origin"}},
		{"Referrer-Policy", []string{"no-referrer"}},
	}
	if g.deps.TLS {
		set = append(set, header{"Strict-Transport-Security", []string{"max-age=31536000"}}) // RFC 6797
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		for _, x := range set {
			h[x.name] = x.value
		}
		next.ServeHTTP(w, r)
	})
}
