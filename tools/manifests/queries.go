package main

import (
	"fmt"
	"go/scanner"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	keda "github.com/kedacore/keda/v2/apis/keda/v1alpha1"
	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	promql "github.com/prometheus/prometheus/promql/parser"
)

// others are the beginnings of names that the project does not make: those of
// the scrape itself, of every process, of kube-state-metrics and of cAdvisor.
var others = regexp.MustCompile(`^(up$|ALERTS|scrape_|process_|go_|kube_|container_)`)

var metricName = regexp.MustCompile(`^profiles_[a-z0-9_]+$`)

// MetricsOf finds the names of metrics in Go code: each string that looks like
// one, outside of tests.
func MetricsOf(folder string) ([]string, error) {
	var names []string
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); path != folder && (name == "tools" || name == "testdata" || strings.HasPrefix(name, ".")) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var s scanner.Scanner
		files := token.NewFileSet()
		s.Init(files.AddFile(path, -1, len(body)), body, nil, 0)
		for {
			_, kind, text := s.Scan()
			if kind == token.EOF {
				return nil
			}
			if kind != token.STRING {
				continue
			}
			if name, err := strconv.Unquote(text); err == nil && metricName.MatchString(name) {
				names = append(names, name)
			}
		}
	})
	if err == nil && len(names) == 0 {
		err = fmt.Errorf("no metric in the code of %s", folder)
	}
	slices.Sort(names)
	return slices.Compact(names), err
}

// queries checks PromQL against the names of metrics that there are.
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

// build checks rules and the queries of KEDA's triggers. What a rule records
// is known from there on.
func (q *queries) build(b Build, r *Report) {
	for _, o := range b.Objects {
		where := b.Name + ": " + o.String()
		switch v := o.Value.(type) {
		case *monitoring.PrometheusRule:
			for _, g := range v.Spec.Groups {
				for _, rule := range g.Rules {
					if rule.Record != "" {
						q.known[rule.Record] = true
					}
				}
			}
			for _, g := range v.Spec.Groups {
				for _, rule := range g.Rules {
					if (rule.Alert == "") == (rule.Record == "") {
						r.add(where, "a rule of "+g.Name+" is neither alert nor record, or both")
					}
					q.expression(where+": "+rule.Alert+rule.Record, rule.Expr.String(), r)
				}
			}
		case *keda.ScaledObject:
			for _, t := range v.Spec.Triggers {
				if t.Type == "prometheus" {
					q.expression(where, t.Metadata["query"], r)
				}
			}
		}
	}
}

// Grafana puts durations and the reader's choices in the place of these.
var (
	duration    = regexp.MustCompile(`\$(__rate_interval|__interval|__range|\{__(rate_interval|interval|range)\})`)
	labelValues = regexp.MustCompile(`^label_values\((.*),\s*\w+\s*\)$`)
	queryResult = regexp.MustCompile(`^query_result\((.*)\)$`)
)

// dashboard checks each "expr" of a dashboard, and the queries of its variables.
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
				for _, form := range []*regexp.Regexp{labelValues, queryResult} {
					if m := form.FindStringSubmatch(text); m != nil {
						q.expression(where, m[1], r)
					}
				}
			}
		}
	}
}

func (q *queries) expression(where, text string, r *Report) {
	q.count++
	parsed, err := promql.NewParser(promql.Options{}).ParseExpr(duration.ReplaceAllString(text, "5m"))
	if err != nil {
		r.add(where, fmt.Sprintf("%s: %v", text, err))
		return
	}
	promql.Inspect(parsed, func(n promql.Node, _ []promql.Node) error {
		if s, ok := n.(*promql.VectorSelector); ok && !q.known[s.Name] && !others.MatchString(s.Name) {
			r.add(where, fmt.Sprintf("%s: there is no metric %q", text, s.Name))
		}
		return nil
	})
}
