package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// stage is what a stage of the Dockerfile leaves in its image's config.
type stage struct {
	base       string
	user       string
	entrypoint []string
	labels     map[string]string
	env        map[string]string
	copied     []string // "stage:from to"
}

// dockerfile reads the Dockerfile with BuildKit's own parser. A stage has what
// the stage below it has; build arguments have the values in args.
func dockerfile(t *testing.T, args map[string]string) map[string]stage {
	t.Helper()
	f, err := os.Open("../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	parsed, err := parser.Parse(f)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range parsed.Warnings {
		t.Errorf("Dockerfile: %s", w.Short)
	}
	lint := linter.New(&linter.Config{Warn: func(rule, _, _, msg string, _ []parser.Range) { t.Errorf("Dockerfile: %s: %s", rule, msg) }})
	parsedStages, _, err := instructions.Parse(parsed.AST, lint)
	if err != nil {
		t.Fatal(err)
	}
	lex := shell.NewLex(parsed.EscapeToken)
	expand := func(s string) string {
		result, err := lex.ProcessWordWithMatches(s, shell.EnvsFromSlice(pairs(args)))
		if err != nil {
			t.Fatal(err)
		}
		return result.Result
	}
	stages := map[string]stage{}
	for _, p := range parsedStages {
		s := stage{base: p.BaseName, labels: map[string]string{}, env: map[string]string{}}
		if below, ok := stages[p.BaseName]; ok {
			s.user, s.copied = below.user, append(s.copied, below.copied...)
			for k, v := range below.labels {
				s.labels[k] = v
			}
			for k, v := range below.env {
				s.env[k] = v
			}
		}
		for _, command := range p.Commands {
			switch c := command.(type) {
			case *instructions.UserCommand:
				s.user = c.User
			case *instructions.EntrypointCommand:
				if c.PrependShell {
					t.Errorf("stage %s: ENTRYPOINT is in shell form", p.Name)
				}
				s.entrypoint = c.CmdLine
			case *instructions.LabelCommand:
				for _, l := range c.Labels {
					s.labels[l.Key] = expand(l.Value)
				}
			case *instructions.EnvCommand:
				for _, e := range c.Env {
					s.env[e.Key] = e.Value
				}
			case *instructions.CopyCommand:
				s.copied = append(s.copied, c.From+":"+strings.Join(c.SourcePaths, ",")+" "+c.DestPath)
			}
		}
		stages[p.Name] = s
	}
	return stages
}

func pairs(m map[string]string) []string {
	var all []string
	for k, v := range m {
		all = append(all, k+"="+v)
	}
	return all
}

// TestDockerfileMakesTheSameImages compares both ways. The build itself takes
// a Docker engine, and is not tried here.
func TestDockerfileMakesTheSameImages(t *testing.T) {
	stages := dockerfile(t, map[string]string{
		"VERSION":  release.Version,
		"REVISION": release.Revision,
		"CREATED":  release.Labels(Specs[0])["org.opencontainers.image.created"],
	})
	if len(stages) != len(Specs)+2 {
		t.Errorf("%d stages, want build, base and %d images", len(stages), len(Specs))
	}
	for _, spec := range Specs {
		t.Run(spec.Target, func(t *testing.T) {
			s, ok := stages[spec.Target]
			if !ok {
				t.Fatal("no such stage")
			}
			image, err := Build(spec, tinyBinaries(t), release)
			if err != nil {
				t.Fatal(err)
			}
			config, err := image.ConfigFile()
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "base", s.base, "base")
			equal(t, "base of base", stages["base"].base, "scratch")
			equal(t, "user", s.user, config.Config.User)
			equal(t, "entrypoint", s.entrypoint, config.Config.Entrypoint)
			equal(t, "labels", s.labels, config.Config.Labels)
			equal(t, "environment", pairs(s.env), config.Config.Env)
			equal(t, "what is copied", s.copied, []string{
				"build:/src/bin/rootfs/ /",
				"build:" + filepath.Join("/src/bin/linux", spec.Binary) + " " + config.Config.Entrypoint[0],
			})
		})
	}
}
