// Command manifests checks a folder of Kubernetes manifests without a cluster: it builds every kustomization, decodes
// the objects strictly, and checks them against the "restricted" level of Pod Security and the project's own rules.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("manifests", flag.ContinueOnError)
	flags.SetOutput(stderr)
	code := flags.String("code", "", "`folder` of the Go code that declares the metrics")
	given := flags.String("given", "", "`objects` that exist without a manifest, such as Secret/nats-worker,Secret/s3")
	flags.Usage = func() {
		fmt.Fprintln(stderr, "usage: manifests -code DIR [-given KIND/NAME,...] FOLDER")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil || flags.NArg() != 1 || *code == "" {
		flags.Usage()
		return 2
	}
	metrics, err := MetricsOf(*code)
	if err != nil {
		fmt.Fprintln(stderr, "manifests:", err)
		return 1
	}
	report, err := Check(flags.Arg(0), Options{
		Given:   strings.FieldsFunc(*given, func(r rune) bool { return r == ',' }),
		Metrics: metrics,
	})
	if err != nil {
		fmt.Fprintln(stderr, "manifests:", err)
		return 1
	}
	for _, b := range report.Builds {
		fmt.Fprintf(stdout, "%-30s %3d objects, %2d pod templates", b.Name, len(b.Objects), len(b.pods()))
		if by := b.imagesBy(); len(by) > 0 {
			fmt.Fprintf(stdout, ", images by %s", strings.Join(by, ", "))
		}
		fmt.Fprintln(stdout)
	}
	fmt.Fprintf(stdout, "%d PromQL expressions\n", report.Expressions)
	for _, p := range report.Problems {
		fmt.Fprintln(stderr, p)
	}
	if len(report.Problems) > 0 {
		fmt.Fprintf(stderr, "manifests: %d problems\n", len(report.Problems))
		return 1
	}
	return 0
}
