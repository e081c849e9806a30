package service

import (
	"errors"
	"io"
	"text/template"

	"github.com/kelseyhightower/envconfig"
)

// Settings are a struct that envconfig fills from environment variables.
type Settings struct {
	Prefix string // of the variables; empty: none
	Into   any    // pointer to the struct; its method Validate() error, if any, fills in defaults
}

// FromEnvironment sets the fields whose variables are set. Others stay as they are, unless
// they have a tag "default".
func (s Settings) FromEnvironment() error {
	err := envconfig.Process(s.Prefix, s.Into)
	var wrong *envconfig.ParseError
	if errors.As(err, &wrong) {
		return mustBe(wrong.KeyName, wrong.Value, wrong.TypeName)
	}
	return err
}

func (s Settings) validate() error {
	if v, ok := s.Into.(interface{ Validate() error }); ok {
		return v.Validate()
	}
	return nil
}

// usage lists variables with their defaults: the values that Validate has filled in, or the
// tag "default".
var usage = template.Must(template.New("usage").Parse(
	`{{range .}}  {{.Key}}{{with or (.Tags.Get "default") (print .Field)}}{{if and (ne . "0") (ne . "[]")}} (default {{.}}){{end}}{{end}}{{with .Tags.Get "desc"}}
        {{.}}{{end}}
{{end}}`))

// printUsage lists the variables of settings that are zero. It fills in their defaults.
func printUsage(w io.Writer, settings []Settings) error {
	for _, s := range settings {
		if err := s.validate(); err != nil {
			return err
		}
	}
	for _, s := range settings {
		if err := envconfig.Usaget(s.Prefix, s.Into, w, usage); err != nil {
			return err
		}
	}
	return nil
}
