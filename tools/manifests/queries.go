package main

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	keda "github.com/kedacore/keda/v2/apis/keda/v1alpha1"
	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	promql "github.com/prometheus/prometheus/promql/parser"
)

// foreign matches metrics that the project does not declare: those of scrapes and of Go processes. Those of
// kube-state-metrics and cAdvisor are not among them, since not every cluster has these.
var foreign = regexp.MustCompile(`^(up$|ALERTS|scrape_|process_|go_)`)

var metricLiteral = regexp.MustCompile(`"(profiles_[a-z0-9_]+)"`)

// MetricsOf returns the names of metrics in the Go code below a folder, sorted: the strings that look like one, outside
// of tests and tools.
func MetricsOf(folder string) ([]string, error) {
	names := map[string]bool{}
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); d.IsDir() && path != folder && (name == "tools" || strings.HasPrefix(name, ".")) {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		body, err := os.ReadFile(path)
		for _, m := range metricLiteral.FindAllSubmatch(body, -1) {
			names[string(m[1])] = true
		}
		return err
	})
	if err == nil && len(names) == 0 {
		err = fmt.Errorf("no metric in the code of %s", folder)
	}
	return slices.Sorted(maps.Keys(names)), err
}

// queries checks PromQL expressions: their syntax, and that their metrics exist.
type queries struct {
	known map[string]bool
	count int
}

func newQueries(metrics []string) *queries {
	q := &queries{known: map[string]bool{}}
	for _, m := range metrics {
		for _, suffix := range []string{"", "_bucket", "_sum", "_count"} {
			q.known[m+suffix] = true
		}
	}
	return q
}

// build checks the expressions of rules and of KEDA's triggers. Metrics that a rule records are known afterwards.
func (q *queries) build(b Build, r *Report) {
	for _, o := range b.Objects {
		switch v := o.Value.(type) {
		case *monitoring.PrometheusRule:
			q.rules(b.where(o), v, r)
		case *keda.ScaledObject:
			for _, t := range v.Spec.Triggers {
				if t.Type == "prometheus" {
					q.expression(b.where(o), t.Metadata["query"], r)
				}
			}
		}
	}
}

func (q *queries) rules(where string, rules *monitoring.PrometheusRule, r *Report) {
	var all []monitoring.Rule
	for _, g := range rules.Spec.Groups {
		all = append(all, g.Rules...)
	}
	for _, rule := range all {
		if rule.Record != "" {
			q.known[rule.Record] = true
		}
	}
	for _, rule := range all {
		if (rule.Alert == "") == (rule.Record == "") {
			r.add(where, "a rule must have either alert or record: "+rule.Expr.String())
		}
		q.expression(where+": "+rule.Alert+rule.Record, rule.Expr.String(), r)
	}
}

var (
	duration    = regexp.MustCompile(`\$(__rate_interval|__interval|__range|\{__(rate_interval|interval|range)\})`)
	labelValues = regexp.MustCompile(`^label_values\((.*),\s*\w+\s*\)$`)
)

// dashboard checks each "expr" of a Grafana dashboard, and the queries of its variables.
func (q *queries) dashboard(d dashboard, r *Report) {
	before := q.count
	q.walk(d.name, d.body, r)
	if q.count == before {
		r.add(d.name, "a dashboard without expressions")
	}
}

func (q *queries) walk(where string, value any, r *Report) {
	switch v := value.(type) {
	case []any:
		for _, each := range v {
			q.walk(where, each, r)
		}
	case map[string]any:
		for key, each := range v {
			text, isText := each.(string)
			switch {
			case !isText:
				q.walk(where, each, r)
			case key == "expr":
				q.expression(where, text, r)
			case key == "query" || key == "definition":
				if m := labelValues.FindStringSubmatch(text); m != nil {
					q.expression(where, m[1], r)
				}
			}
		}
	}
}

func (q *queries) expression(where, text string, r *Report) {
	q.count++
	// Grafana replaces its variables by durations.
	parsed, err := promql.NewParser(promql.Options{}).ParseExpr(duration.ReplaceAllString(text, "5m"))
	if err != nil {
		r.add(where, fmt.Sprintf("%s: %v", text, err))
		return
	}
	promql.Inspect(parsed, func(n promql.Node, _ []promql.Node) error {
		if s, ok := n.(*promql.VectorSelector); ok && !q.known[s.Name] && !foreign.MatchString(s.Name) {
			r.add(where, fmt.Sprintf("%s: there is no metric %q", text, s.Name))
		}
		return nil
	})
}
