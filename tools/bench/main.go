// Command bench runs the benchmarks that docs/PERFORMANCE.md reports and prints their figures as one table.
package main

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
)

func main() {
	code := flag.String("code", ".", "`folder` of the code")
	only := flag.String("only", "", "run only packages whose path contains this `text`")
	flag.Parse()
	ctx, end := signal.NotifyContext(context.Background(), os.Interrupt)
	defer end()
	if err := report(ctx, *code, *only, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// report prints each row as soon as its benchmark has ended. The output of the benchmarks goes to progress.
func report(ctx context.Context, code, only string, table, progress io.Writer) error {
	fmt.Fprintln(table, "| measured | figure | goal |\n|---|---|---|")
	for _, r := range runs {
		if !strings.Contains(r.pkg, only) {
			continue
		}
		figures, err := r.measure(ctx, code, progress)
		if err != nil {
			return fmt.Errorf("%s in %s: %w", r.benchmark, r.pkg, err)
		}
		for _, row := range r.rows {
			fmt.Fprintf(table, "| %s | %s | %s |\n", row.what, row.figure(figures), row.goal)
		}
	}
	return nil
}

// figures are the results of benchmarks, by name and unit. Names have neither "Benchmark" nor the number of processors.
type figures map[string]map[string]float64

// measure runs the benchmarks once.
func (r run) measure(ctx context.Context, code string, progress io.Writer) (figures, error) {
	test := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", r.benchmark, "-benchtime", r.times, "-timeout", "2h", r.pkg)
	test.Dir = code
	var out bytes.Buffer
	test.Stdout, test.Stderr = io.MultiWriter(&out, progress), progress
	if err := test.Run(); err != nil {
		return nil, err
	}
	return parse(&out)
}

// parse reads the output of go test -bench.
func parse(r io.Reader) (figures, error) {
	f := figures{}
	for lines := bufio.NewScanner(r); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || len(fields)%2 != 0 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		name := strings.TrimPrefix(fields[0], "Benchmark")
		if i := strings.LastIndexByte(name, '-'); i > 0 {
			name = name[:i]
		}
		f[name] = map[string]float64{}
		for i := 2; i < len(fields); i += 2 {
			value, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return nil, fmt.Errorf("read %q: %w", lines.Text(), err)
			}
			f[name][fields[i+1]] = value
		}
	}
	return f, nil
}

// figure returns the row's text with figures: {unit} is replaced by that figure of the benchmark, {a/b} by a quotient.
// a and b may be numbers.
func (r row) figure(all figures) string {
	mine, ok := all[r.benchmark]
	if !ok {
		return "not measured"
	}
	var text strings.Builder
	rest := r.text
	for {
		before, after, found := strings.Cut(rest, "{")
		text.WriteString(before)
		if !found {
			return text.String()
		}
		var term string
		term, rest, _ = strings.Cut(after, "}")
		value, ok := evaluate(term, mine)
		if !ok {
			return "not measured"
		}
		text.WriteString(digits(value))
	}
}

// evaluate returns the value of a unit, a number or a quotient of these. Units may contain a slash.
func evaluate(term string, units map[string]float64) (float64, bool) {
	if v, ok := units[term]; ok {
		return v, true
	}
	if v, err := strconv.ParseFloat(term, 64); err == nil {
		return v, true
	}
	for i := len(term) - 1; i > 0; i-- { // a/b/c is (a/b)/c
		if term[i] != '/' {
			continue
		}
		over, ok := evaluate(term[:i], units)
		under, also := evaluate(term[i+1:], units)
		if ok && also {
			return over / under, true
		}
	}
	return 0, false
}

// digits formats three significant digits, or more for 1000 and above.
func digits(v float64) string {
	switch {
	case v >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}
