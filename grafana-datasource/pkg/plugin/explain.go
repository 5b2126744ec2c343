package plugin

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/httpclient"

	"github.com/skein-net/skein/topologyd/client"
)

// problem is an error as a panel shows it.
type problem struct {
	message string
	status  backend.Status
	source  backend.ErrorSource
}

func (p *problem) Error() string { return p.message }

// wrongQuery is a query that the plugin itself refuses.
func wrongQuery(err error) *problem {
	return &problem{err.Error(), backend.StatusBadRequest, backend.ErrorSourceDownstream}
}

// statusCanceled says that whoever asked does not wait any more.
const statusCanceled backend.Status = 499

// explain says what an error means and what to do, without secrets.
func (s *settings) explain(err error) *problem {
	p := s.cause(err)
	p.message = s.redact(p.message)
	return p
}

func (s *settings) cause(err error) *problem {
	down := func(status backend.Status, format string, args ...any) *problem {
		return &problem{fmt.Sprintf(format, args...), status, backend.ErrorSourceDownstream}
	}
	var (
		own     *problem
		refused *client.Error
		dns     *net.DNSError
		timeout net.Error
	)
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &refused):
		return s.refusal(refused)
	case errors.Is(err, client.ErrNotReady):
		return down(http.StatusServiceUnavailable, "topologyd is %v: it reads its event log after a start, or it stops; wait and try again", err)
	case errors.Is(err, context.Canceled):
		return down(statusCanceled, "the query was cancelled")
	case errors.As(err, &dns) && dns.IsNotFound:
		return down(backend.StatusBadGateway, "there is no host %q, which the URL of the data source names: check the URL, and that the host of Grafana can resolve the name", dns.Name)
	case errors.Is(err, syscall.ECONNREFUSED):
		return down(backend.StatusBadGateway, "nothing listens at %s: start topologyd, check the URL of the data source, and that topologyd listens on an address that Grafana can reach", s.URL)
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return down(backend.StatusBadGateway, "Grafana has no route to %s: check the URL of the data source and the network between them", s.URL)
	case errors.Is(err, httpclient.ErrResponseBodyTooLarge):
		return down(backend.StatusBadGateway, "the answer is larger than Grafana allows (response_limit in its configuration): ask for less")
	}
	if text := tlsProblem(err); text != "" {
		return down(backend.StatusBadGateway, "TLS with %s failed: %s", s.URL, text)
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout() {
		return down(backend.StatusTimeout, "topologyd gave no answer within %v: ask for less (a shorter time range, a narrower query), raise the timeout of the data source, or check the connection to %s", s.Timeout, s.URL)
	}
	if errors.Is(err, syscall.ECONNRESET) || strings.Contains(err.Error(), "EOF") {
		return down(backend.StatusBadGateway, "the connection to %s broke: topologyd may have stopped, or a proxy closed it; try again", s.URL)
	}
	if strings.Contains(err.Error(), "read answer") || strings.Contains(err.Error(), "is this a topologyd") {
		return down(backend.StatusBadGateway, "what answers at %s does not answer as topologyd does: check the URL of the data source (%v)", s.URL, err)
	}
	return down(backend.StatusBadGateway, "asking topologyd failed: %v", err)
}

// refusal says what an answer of topologyd, or of what is before it, means.
func (s *settings) refusal(e *client.Error) *problem {
	status := backend.Status(e.Status)
	if !status.IsValid() || e.Status < 400 {
		status = backend.StatusBadGateway
	}
	p := &problem{e.Message, status, backend.ErrorSourceDownstream}
	switch {
	case e.Status == http.StatusUnauthorized && s.OAuthPassThru:
		p.message = "topologyd, or a proxy before it, does not take the identity that Grafana forwards (401): sign in to Grafana by OAuth again, or set a token in the settings of the data source"
	case e.Status == http.StatusUnauthorized && s.token == "":
		p.message = "topologyd, or a proxy before it, wants a token (401): set it in the settings of the data source"
	case e.Status == http.StatusUnauthorized:
		p.message = "topologyd, or a proxy before it, does not take the token (401): set a valid one in the settings of the data source"
	case e.Status == http.StatusForbidden:
		p.message = "topologyd, or a proxy before it, forbids it (403): the token of the data source has too few rights, it needs the role viewer"
	case e.Code == "" && e.Status/100 == 3:
		p.message = fmt.Sprintf("%s redirects (%d), which is not followed: give the URL that it leads to as the URL of the data source", s.URL, e.Status)
	case e.Code == "" && e.Status == http.StatusNotFound:
		p.message = fmt.Sprintf("%s answers, but has no interface of topologyd (404): check the URL of the data source, its path included", s.URL)
	case e.Code == "" && (e.Status == http.StatusBadGateway || e.Status == http.StatusGatewayTimeout || e.Status == http.StatusServiceUnavailable):
		p.message = fmt.Sprintf("a proxy at %s cannot reach topologyd (%d): start topologyd, or check the proxy", s.URL, e.Status)
	case e.Code == "" && e.Status == http.StatusBadRequest && strings.HasPrefix(s.URL, "http://"):
		p.message = fmt.Sprintf("%s does not answer as topologyd does (400): check the URL of the data source; if it wants TLS, begin it with https://", s.URL)
	case e.Code == "":
		p.message = fmt.Sprintf("%s does not answer as topologyd does (%v): check the URL of the data source", s.URL, e)
	case e.Code == client.CodeNotFound && strings.Contains(e.Message, "no endpoint"), e.Code == "method":
		p.message = fmt.Sprintf("this topologyd is too old for the data source: upgrade it (%s)", e.Message)
	case e.Code == client.CodeGone:
		p.message = e.Message + ": choose a later time range"
		if strings.Contains(e.Message, "; ask") {
			p.message = e.Message + " (choose a later time range)"
		}
	case e.Code == client.CodeBusy:
		p.message = e.Message + "; try again"
		if e.RetryAfter > 0 {
			p.message += fmt.Sprintf(" in %v", e.RetryAfter)
		}
	case e.Code == client.CodeUnavailable:
		p.message = "topologyd does not serve queries now: " + e.Message
	}
	if (e.Code == codeUnknown || e.Code == client.CodeForbidden) && e.Message != "" {
		p.message += fmt.Sprintf(" (topologyd says: %s)", e.Message)
	}
	return p
}

// codeUnknown is the code with which topologyd itself asks for credentials, or
// refuses them.
const codeUnknown = "unauthenticated"

// tlsProblem says what is wrong with TLS, "" when it is not TLS.
func tlsProblem(err error) string {
	var (
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		invalid   x509.CertificateInvalidError
		record    tls.RecordHeaderError
		verify    *tls.CertificateVerificationError
	)
	text := err.Error()
	switch {
	case errors.As(err, &authority):
		return "its certificate is signed by an authority that is not known; give the certificate of that authority (With CA cert) in the settings of the data source"
	case errors.As(err, &host):
		return "its certificate is for another name; check the URL, or give the name in the certificate as the server name in the settings of the data source"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "its certificate has expired or is not valid yet; renew it, and check the clocks"
	case errors.As(err, &record), strings.Contains(text, "server gave HTTP response to HTTPS client"):
		return "it speaks plain HTTP; begin the URL of the data source with http://, or switch TLS on in topologyd"
	case strings.Contains(text, "malformed HTTP response"), strings.Contains(text, "transport connection broken"):
		return "it may want TLS; begin the URL of the data source with https://"
	case strings.Contains(text, "certificate required"), strings.Contains(text, "bad certificate"):
		return "it does not take the certificate of the client; give a valid one (TLS client auth) in the settings of the data source"
	case errors.As(err, &verify), errors.As(err, &invalid):
		return "its certificate cannot be verified; check the certificate and the settings of TLS"
	case strings.Contains(text, "tls:"):
		return "check the settings of TLS on both sides (" + text + ")"
	}
	return ""
}
