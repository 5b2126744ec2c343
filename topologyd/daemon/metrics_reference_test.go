package daemon

import (
	"cmp"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
)

var updateReference = flag.Bool("update", false, "write the table of metrics in docs/metrics.md anew")

// described is one metric as its collector describes it.
type described struct{ name, kind, labels, help string }

// TestMetricsReference keeps docs/metrics.md equal to what the daemon shows, and
// the names to Prometheus' conventions.
func TestMetricsReference(t *testing.T) {
	cfg := testConfig(t.TempDir())
	s := &cfg.Security // what is there with these is described too; nothing reads them
	s.AuthFile, s.TLSCert, s.TLSKey = "auth.yaml", "tls.crt", "tls.key"
	d, err := New(cfg, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.hub.Stop)
	own := describe(t, d.registry)
	problems, err := promlint.NewWithMetricFamilies(families(own)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	const path, begin, end = "../../docs/metrics.md", "<!-- begin: metrics of topologyd -->\n", "<!-- end: metrics of topologyd -->\n"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, found := strings.Cut(string(text), begin)
	old, tail, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("%s has no place for the table", path)
	}
	table := reference(own)
	if old == table {
		return
	}
	if !*updateReference {
		t.Fatalf("%s does not hold this table; write it with: go test -run TestMetricsReference ./topologyd/daemon -update\n%s", path, table)
	}
	if err := os.WriteFile(path, []byte(head+begin+table+end+tail), 0o644); err != nil {
		t.Fatal(err)
	}
}

// describe asks all collectors of a registry what they may show, those without a
// value yet too, and leaves out what every Go program has.
func describe(t *testing.T, reg *prometheus.Registry) (out []described) {
	t.Helper()
	gathered, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	kinds := make(map[string]string)
	for _, f := range gathered {
		kinds[f.GetName()] = strings.ToLower(f.GetType().String())
	}
	descs := make(chan *prometheus.Desc)
	go func() { reg.Describe(descs); close(descs) }()
	form := regexp.MustCompile(`^Desc\{fqName: ("(?:[^"\\]|\\.)*"), help: ("(?:[^"\\]|\\.)*"), unit: "[a-z]*", constLabels: \{.*\}, variableLabels: \{(.*)\}\}$`)
	for desc := range descs {
		m := form.FindStringSubmatch(desc.String())
		if m == nil {
			t.Fatalf("cannot read %s", desc)
		}
		x := described{labels: strings.ReplaceAll(m[3], ",", ", ")}
		x.name, _ = strconv.Unquote(m[1])
		x.help, _ = strconv.Unquote(m[2])
		if !strings.HasPrefix(x.name, "topologyd_") {
			continue
		}
		if x.kind = kinds[x.name]; x.kind == "" {
			switch { // of those without a value the name tells
			case strings.HasSuffix(x.name, "_total"):
				x.kind = "counter"
			case strings.HasSuffix(x.name, "_duration_seconds"), strings.HasSuffix(x.name, "_latency_seconds"):
				x.kind = "histogram"
			default:
				x.kind = "gauge"
			}
		}
		out = append(out, x)
	}
	if len(out) < 100 {
		t.Fatalf("only %d metrics", len(out))
	}
	slices.SortFunc(out, func(a, b described) int { return cmp.Compare(a.name, b.name) })
	return slices.Compact(out)
}

// families are the metrics as the linter wants them.
func families(all []described) (out []*dto.MetricFamily) {
	for _, x := range all {
		kind := dto.MetricType(dto.MetricType_value[strings.ToUpper(x.kind)])
		m := &dto.Metric{}
		for l := range strings.SplitSeq(x.labels, ", ") {
			if l != "" {
				m.Label = append(m.Label, &dto.LabelPair{Name: &l})
			}
		}
		out = append(out, &dto.MetricFamily{Name: &x.name, Help: &x.help, Type: &kind, Metric: []*dto.Metric{m}})
	}
	return out
}

// reference is the table.
func reference(all []described) string {
	var b strings.Builder
	b.WriteString("| metric | type | labels | meaning |\n|---|---|---|---|\n")
	for _, x := range all {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", x.name, x.kind, x.labels, strings.ReplaceAll(x.help, "|", `\|`))
	}
	return b.String()
}
