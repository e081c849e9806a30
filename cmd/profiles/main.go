// Command profiles is the operator's command. It runs the whole system on one
// machine, fits a store at once, and publishes to, inspects and maintains a running
// system.
//
// Each command has a file of its name, with its help text, a struct of its options, and
// the methods validate and run. Start reading in root.go.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
