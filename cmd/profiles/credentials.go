package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cis490/profiles/command/credentials"
)

func credentialsCommand(t *terminal) *cobra.Command {
	var cfg credentials.Config
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "credentials --out DIR [--namespace NAME] [--host NAME ...] [--renew] [flags]",
		Short: "make keys, certificates and rights for a NATS server and its clients",
		Long: `credentials makes all that a NATS server and the roles that talk to it need to
know each other: an authority, the servers' certificate (for clients and for
routes), a seed for each role, accounts.conf, which says what each role may do,
and a kustomization that makes Kubernetes Secrets of them.

It is safe to repeat: what is there stays. Missing roles get their keys,
accounts.conf is made anew, and certificates that end within 30 days are, too.
Names and addresses that the servers' certificate has stay in it.

ca.key signs for the servers: it belongs into no Secret and no repository. Whoever
has the folder can do all that the roles can.`,
		Example: `  profiles credentials --out k8s/secrets && kubectl apply -k k8s/secrets
  profiles credentials --out k8s/secrets --host nats.example.org --host 10.0.0.7
  profiles credentials --out k8s/secrets --renew`,
		Args: cobra.NoArgs,
	}
	f := cmd.Flags()
	f.StringVar(&cfg.Dir, "out", "", "`DIR` to write into; it is made, for its owner alone")
	f.StringVar(&cfg.Namespace, "namespace", "profiles", "Kubernetes namespace of the servers, a `NAME`")
	f.StringSliceVar(&cfg.Hosts, "host", nil, "another `NAME` or address at which clients reach the servers; may be repeated")
	f.DurationVar(&cfg.Valid, "valid", 365*24*time.Hour, "how long the servers' certificate is good for, a `TIME` in hours")
	f.BoolVar(&cfg.Renew, "renew", false, "make the servers' certificate anew, though it is good")
	f.BoolVar(&asJSON, "json", false, "print the summary as JSON")
	cmd.RunE = func(*cobra.Command, []string) error {
		if cfg.Dir == "" {
			return usage(errors.New("--out DIR is missing"))
		}
		made, err := credentials.Make(cfg)
		if errors.Is(err, credentials.ErrUsage) {
			return usage(err)
		}
		if err != nil {
			return err
		}
		if asJSON {
			return json.NewEncoder(t.out).Encode(made)
		}
		return printCredentials(t, made)
	}
	return cmd
}

func printCredentials(t *terminal, made credentials.Summary) error {
	const day = "2006-01-02"
	fmt.Fprintf(t.out, "%s: %d files made, %d kept\n", made.Dir, len(made.Made), len(made.Kept))
	if len(made.Made) > 0 {
		fmt.Fprintf(t.out, "made: %s\n", strings.Join(made.Made, " "))
	}
	_, err := fmt.Fprintf(t.out, "the servers' certificate ends on %s, the authority's on %s\n", made.Ends.Format(day), made.CAEnds.Format(day))
	return err
}
