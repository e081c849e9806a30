package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cis490/profiles/command/credentials"
)

type credentialsOptions struct {
	cfg   credentials.Config
	hosts []string // each may be several, separated by commas
	json  bool
}

func credentialsCommand() command {
	o := &credentialsOptions{}
	cmd := &cobra.Command{
		Use:   "credentials --out DIR [--namespace NAME] [--host NAME ...] [--renew] [flags]",
		Short: "make keys, certificates and rights for NATS servers and their clients",
		Long: `credentials makes the files that NATS servers and their clients need to trust each
other: a certificate authority, the servers' certificate (for clients and for routes),
a key for each role, accounts.conf with the rights of each role, the token that the
dashboards require for posts, and a kustomization that makes Kubernetes Secrets of them.

It may be repeated: present keys stay. It makes keys for new roles, writes
accounts.conf anew, and replaces certificates that end within 30 days. Names and
addresses that the servers' certificate has stay in it.

ca.key signs the servers' certificate: put it into no Secret and no repository. With
this folder one can do everything that the roles can do.`,
		Example: `  profiles credentials --out k8s/secrets && kubectl apply -k k8s/secrets
  profiles credentials --out k8s/secrets --host nats.example.org --host 10.0.0.7
  profiles credentials --out k8s/secrets --renew`,
		Args: noArguments,
	}
	f := cmd.Flags()
	f.StringVar(&o.cfg.Dir, "out", "", "`DIR` to write into; it is made with mode 0700")
	f.StringVar(&o.cfg.Namespace, "namespace", credentials.DefaultNamespace, "Kubernetes namespace of the servers, a `NAME`")
	f.StringArrayVar(&o.hosts, "host", nil, "another `NAME` or address of the servers for clients; may be repeated. Clients then need the new ca.crt")
	f.DurationVar(&o.cfg.Valid, "valid", credentials.DefaultValid, "how long the servers' certificate is valid, a `TIME` in hours")
	f.BoolVar(&o.cfg.Renew, "renew", false, "replace the servers' certificate even if it is still good")
	f.BoolVar(&o.json, "json", false, "print the summary as JSON")
	return command{cmd, o.validate, o.run}
}

func (o *credentialsOptions) validate() error {
	if o.cfg.Dir == "" {
		return errors.New("--out DIR is missing")
	}
	for _, h := range o.hosts {
		o.cfg.Hosts = append(o.cfg.Hosts, strings.Split(h, ",")...)
	}
	return nil
}

func (o *credentialsOptions) run(_ context.Context, t *terminal) error {
	s, err := credentials.Make(o.cfg)
	if errors.Is(err, credentials.ErrUsage) {
		return usage(err)
	}
	if err != nil {
		return err
	}
	return t.print(o.json, s, func(out io.Writer) error { return printCredentials(out, s) })
}

func printCredentials(out io.Writer, s credentials.Summary) error {
	const day = "2006-01-02"
	fmt.Fprintf(out, "%s: %d files written, %d unchanged\n", s.Dir, len(s.Made), len(s.Kept))
	if len(s.Made) > 0 {
		fmt.Fprintf(out, "written: %s\n", strings.Join(s.Made, " "))
	}
	if len(s.Restricted) > 0 {
		fmt.Fprintf(out, "others could read: %s. Now only you can; if somebody may have read a key, remove it and run the command again\n", strings.Join(s.Restricted, " "))
	}
	_, err := fmt.Fprintf(out, "the servers' certificate ends on %s, the authority's on %s\n", s.Ends.Format(day), s.CAEnds.Format(day))
	return err
}
