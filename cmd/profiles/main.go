// Command profiles is the operator's command. It runs the whole system on one
// machine, fits a store at once, and publishes to, inspects and maintains a running
// system.
//
// Each command has a file of its name. It holds the flags and the help text, and
// an action: a struct of options with validate and run. Start reading in root.go.
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
