package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/cis490/profiles/internal/service"
)

func versionCommand(t *terminal) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "print which build this is",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(t.out, "profiles", service.Version())
			return err
		},
	}
}
