package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/cis490/profiles/internal/service"
)

func versionCommand() command {
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "print the version of this build",
		Example: `  profiles version`,
		Args:    noArguments,
	}
	return command{cmd, nil, func(_ context.Context, t *terminal) error {
		_, err := fmt.Fprintln(t.out, "profiles", service.Version())
		return err
	}}
}
