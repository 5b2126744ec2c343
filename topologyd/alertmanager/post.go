package alertmanager

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"time"

	"github.com/go-openapi/runtime"
	"github.com/go-openapi/runtime/client"
	"github.com/go-openapi/strfmt"
	"github.com/prometheus/alertmanager/api/v2/client/alert"
	"github.com/prometheus/alertmanager/api/v2/models"
	promconfig "github.com/prometheus/common/config"

	"github.com/skein-net/skein/internal/version"
)

// Bounds of what is read of an answer, and of what is told of it.
const (
	maxAnswer = 64 << 10
	maxTold   = 300
)

// refusal tells that an Alertmanager will not take what was sent, however often.
type refusal struct{ text string }

func (r *refusal) Error() string { return r.text }

// newHTTPClient returns the client of one item of the file. It reads files with
// credentials and certificates again when they change.
func newHTTPClient(e *Endpoints) (*http.Client, error) {
	c, err := promconfig.NewClientFromConfig(e.HTTP, "alertmanager", promconfig.WithUserAgent("topologyd/"+version.Get().Version))
	if err != nil {
		return nil, errors.New(redact(err.Error()))
	}
	c.Transport = &bounded{c.Transport}
	return c, nil
}

// poster sends alerts to one Alertmanager. It is not changed.
type poster struct {
	api     alert.ClientService
	timeout time.Duration
}

func newPoster(host string, e *Endpoints, c *http.Client) *poster {
	rt := client.NewWithClient(host, path.Join("/", e.PathPrefix, "api", apiV2), []string{e.Scheme}, c)
	return &poster{api: alert.New(rt, strfmt.Default), timeout: time.Duration(e.Timeout)}
}

// post sends one request. A [refusal] says that the same alerts need not be sent
// again; any other error that they should be.
func (p *poster) post(ctx context.Context, entries []*entry) error {
	ctx, stop := context.WithTimeout(ctx, p.timeout)
	defer stop()
	alerts := make(models.PostableAlerts, len(entries))
	for i, e := range entries {
		alerts[i] = e.alert
	}
	_, err := p.api.PostAlerts(alert.NewPostAlertsParamsWithTimeout(p.timeout).WithContext(ctx).WithAlerts(alerts))
	return classify(err)
}

// classify makes errors of the client into what is done about them.
func classify(err error) error {
	var bad *alert.PostAlertsBadRequest
	var failed *alert.PostAlertsInternalServerError
	var other *runtime.APIError
	switch {
	case errors.As(err, &bad):
		return &refusal{fmt.Sprintf("status 400: %.*q", maxTold, bad.Payload)}
	case errors.As(err, &failed):
		return &status{http.StatusInternalServerError}
	case errors.As(err, &other):
		switch other.Code {
		case http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity, http.StatusBadRequest:
			return &refusal{fmt.Sprintf("status %d", other.Code)}
		}
		if other.Code/100 == 2 {
			return nil
		}
		return &status{other.Code} // its own text has all of the answer
	}
	return err
}

// status is an answer that is worth another try.
type status struct{ code int }

func (s *status) Error() string { return fmt.Sprintf("status %d %s", s.code, http.StatusText(s.code)) }

// result returns the label of a request's metric.
func result(err error) string {
	var r *refusal
	var s *status
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &r):
		return "refused"
	case errors.As(err, &s) && (s.code == http.StatusUnauthorized || s.code == http.StatusForbidden):
		return "unauthorized"
	case errors.As(err, &s):
		return "status"
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, context.Canceled):
		return "canceled"
	}
	return "failed"
}

// bounded bounds what is read of answers.
type bounded struct{ next http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (b *bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.next.RoundTrip(r)
	if err == nil {
		resp.Body = &struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, maxAnswer), resp.Body}
	}
	return resp, err
}

// CloseIdleConnections is what [http.Client.CloseIdleConnections] looks for.
func (b *bounded) CloseIdleConnections() {
	if c, ok := b.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}
