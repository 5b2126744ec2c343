package plugin

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/skein-net/skein/grafana-datasource/pkg/query"
)

// settings are what an administrator set for one data source.
type settings struct {
	// Name is that of the data source in Grafana, UID its identifier.
	Name, UID string
	// URL is topologyd's.
	URL string
	// Timeout bounds one query, MaxRows one table, NodeLimit one graph.
	Timeout   time.Duration
	MaxRows   int
	NodeLimit int
	// ForwardUser sends the login of who asks in X-Grafana-User.
	ForwardUser bool
	// OAuthPassThru sends the identity that Grafana forwards instead of the token.
	OAuthPassThru bool
	// Dashboards has graphs link to the dashboards that come with Skein.
	Dashboards bool
	ServerName string

	token string
	// secrets are all texts that must not be shown.
	secrets []string
}

// jsonSettings are the members of jsonData; numbers may come as texts.
type jsonSettings struct {
	Timeout       query.Int `json:"timeout"`
	MaxRows       query.Int `json:"maxRows"`
	NodeLimit     query.Int `json:"nodeLimit"`
	ForwardUser   bool      `json:"forwardUser"`
	OAuthPassThru bool      `json:"oauthPassThru"`
	Dashboards    *bool     `json:"dashboards"`
	ServerName    string    `json:"serverName"`
}

// maxTimeout is the longest that a query may be set to take.
const maxTimeout = 10 * time.Minute

// parseSettings reads the settings. The error says what to change.
func parseSettings(in *backend.DataSourceInstanceSettings) (*settings, error) {
	s := &settings{
		Name: in.Name, UID: in.UID, URL: strings.TrimSpace(in.URL),
		token: strings.TrimSpace(in.DecryptedSecureJSONData["token"]),
	}
	for _, secret := range in.DecryptedSecureJSONData {
		if secret = strings.TrimSpace(secret); len(secret) >= 4 {
			s.secrets = append(s.secrets, secret)
		}
	}
	var j jsonSettings
	if len(in.JSONData) > 0 {
		if err := json.Unmarshal(in.JSONData, &j); err != nil {
			return s, fmt.Errorf("the settings of the data source cannot be read: %w", err)
		}
	}
	s.Timeout = bounded(time.Duration(j.Timeout)*time.Second, 10*time.Second, maxTimeout)
	s.MaxRows = bounded(int(j.MaxRows), 10000, 1_000_000)
	s.NodeLimit = bounded(int(j.NodeLimit), 200, query.MaxNodes)
	s.ForwardUser, s.OAuthPassThru, s.ServerName = j.ForwardUser, j.OAuthPassThru, strings.TrimSpace(j.ServerName)
	s.Dashboards = j.Dashboards == nil || *j.Dashboards
	return s, s.checkURL()
}

// bounded is n, usual when it is not set, and at most most.
func bounded[T int | time.Duration](n, usual, most T) T {
	if n <= 0 {
		n = usual
	}
	return min(n, most)
}

func (s *settings) checkURL() error {
	const example = "for example http://topologyd.example:4280"
	if s.URL == "" {
		return errors.New("the data source has no URL: give that of topologyd in its settings, " + example)
	}
	u, err := url.Parse(s.URL)
	switch {
	case err != nil: // the error holds the URL, and so maybe a password
		return errors.New("the URL of the data source is not one: give that of topologyd, " + example)
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return errors.New("the URL of the data source must begin with http:// or https:// and name a host: " + example)
	case u.User != nil:
		return errors.New("the URL of the data source holds a user: take it out and use the token, or basic authentication")
	case u.RawQuery != "" || u.Fragment != "":
		return errors.New("the URL of the data source has more than scheme, host, port and path: take away what follows ? or #")
	}
	return nil
}

// defaults are what queries get that say nothing.
func (s *settings) defaults() query.Defaults {
	return query.Defaults{NodeLimit: s.NodeLimit, MaxRows: s.MaxRows}
}

// redact takes secrets out of a text that came from elsewhere.
func (s *settings) redact(text string) string {
	for _, secret := range s.secrets {
		text = strings.ReplaceAll(text, secret, "[secret]")
	}
	return text
}
