package config

import (
	"net/url"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"
)

// Alerts says which graph rules there are, and who is told.
type Alerts struct {
	// RuleFiles are patterns of files with graph rules (docs/alerts.md).
	RuleFiles List
	// Interval is that of groups that say none.
	Interval time.Duration
	// AlertmanagerFile is a YAML file with Alertmanagers and how to find them, in
	// the shape of Prometheus' alerting section; AlertmanagerURLs are the addresses
	// of some that need no more than that.
	AlertmanagerFile string
	AlertmanagerURLs List
	// ResendDelay is how often an alert that fires is sent again.
	ResendDelay time.Duration
	// ExternalURL is where people reach this daemon, GrafanaURL their Grafana with
	// Skein's dashboards; alerts have links there.
	ExternalURL, GrafanaURL string
	// Around is how far back what happened around an alert is told.
	Around time.Duration
}

func defaultAlerts() Alerts {
	return Alerts{Interval: 15 * time.Second, ResendDelay: time.Minute, Around: 15 * time.Minute}
}

func (c *Config) alertFlags(f *pflag.FlagSet) {
	a := &c.Alerts
	f.Var(&a.RuleFiles, "alert-rule-files", "A pattern of YAML files with graph rules, as in docs/alerts.md; repeat the flag for more. They are read again when they change.")
	f.DurationVar(&a.Interval, "alert-rule-interval", a.Interval, "How often graph rules are evaluated that cannot follow changes, unless their group says otherwise.")
	f.StringVar(&a.AlertmanagerFile, "alertmanager-file", a.AlertmanagerFile, "YAML file that says where Alertmanagers are and how to talk to them, like the section alerting of Prometheus; read again when it changes.")
	f.Var(&a.AlertmanagerURLs, "alertmanager-url", "URL of an Alertmanager that alerts are sent to; repeat the flag for more.")
	f.DurationVar(&a.ResendDelay, "alert-resend-delay", a.ResendDelay, "How often an alert that fires is sent again.")
	f.StringVar(&a.ExternalURL, "external-url", a.ExternalURL, "URL at which people reach this daemon, for links in alerts.")
	f.StringVar(&a.GrafanaURL, "grafana-url", a.GrafanaURL, "URL of a Grafana with Skein's dashboards, for links in alerts.")
	f.DurationVar(&a.Around, "alert-around", a.Around, "How far back an alert tells what changed near it.")
}

// validateAlerts checks those settings.
func (c *Config) validateAlerts(bad func(flag, format string, args ...any)) {
	a := &c.Alerts
	for _, pattern := range a.RuleFiles.Items() {
		if _, err := filepath.Match(pattern, ""); err != nil {
			bad("alert-rule-files", "%q is no pattern of files; give for example /etc/skein/rules.d/*.yaml", pattern)
		}
	}
	for _, x := range []struct{ flag, value string }{{"external-url", a.ExternalURL}, {"grafana-url", a.GrafanaURL}} {
		if x.value != "" && !isWebURL(x.value) {
			bad(x.flag, "%q is not a URL; give for example http://127.0.0.1:3000", x.value)
		}
	}
	for _, u := range a.AlertmanagerURLs.Items() {
		if !isWebURL(u) {
			bad("alertmanager-url", "is not a URL; give for example http://127.0.0.1:9093")
		} else if parsed, err := url.Parse(u); err == nil && parsed.User != nil {
			bad("alertmanager-url", "holds credentials; give them in the file of --alertmanager-file")
		}
	}
	for _, n := range []struct {
		flag string
		v    time.Duration
	}{{"alert-rule-interval", a.Interval}, {"alert-resend-delay", a.ResendDelay}, {"alert-around", a.Around}} {
		if n.v <= 0 {
			bad(n.flag, "must be more than zero")
		}
	}
}

// isWebURL reports whether a text is a URL with a host.
func isWebURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}
