// Command images packs the static binaries into container images without a
// container engine: as archives that every engine loads, or straight into a
// registry. The Dockerfile makes the same images; what both share, the files
// beside the binary, this command writes for it too (images rootfs).
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

const usage = `usage: images archive -bin DIR -out DIR [flags]   one archive an image
       images push    -bin DIR [flags]            into the registry that -prefix names
       images rootfs  DIR                         the files that stand beside the binary

`

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	verb := ""
	if len(args) > 0 {
		verb = args[0]
	}
	var do func([]string, io.Writer, io.Writer) error
	switch verb {
	case "archive":
		do = archive
	case "push":
		do = push
	case "rootfs":
		do = rootfs
	default:
		fmt.Fprint(stderr, usage)
		return 2
	}
	if err := do(args[1:], stdout, stderr); err != nil {
		fmt.Fprintln(stderr, "images:", err)
		return 1
	}
	return 0
}

// parse reads the flags that archive and push share. The time of the release
// is SOURCE_DATE_EPOCH, so that the same commit gives the same bytes.
func parse(verb string, args []string, stderr io.Writer, more func(*flag.FlagSet)) (bin string, r Release, err error) {
	flags := flag.NewFlagSet("images "+verb, flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&bin, "bin", "", "`folder` of the static binaries")
	flags.StringVar(&r.Prefix, "prefix", "ghcr.io/cis490", "what stands before the images' names")
	flags.StringVar(&r.Tag, "tag", "dev", "tag of the images")
	flags.StringVar(&r.Version, "version", "unknown", "version of the project")
	flags.StringVar(&r.Revision, "revision", "unknown", "commit that it was built from")
	more(flags)
	if err := flags.Parse(args); err != nil {
		return "", Release{}, err
	}
	if bin == "" || flags.NArg() > 0 {
		return "", Release{}, fmt.Errorf("%s takes -bin and nothing but flags", verb)
	}
	epoch, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if err != nil {
		return "", Release{}, fmt.Errorf("read SOURCE_DATE_EPOCH: %w", err)
	}
	r.Created = time.Unix(epoch, 0).UTC()
	return bin, r, nil
}

func archive(args []string, stdout, stderr io.Writer) error {
	var out string
	bin, release, err := parse("archive", args, stderr, func(f *flag.FlagSet) {
		f.StringVar(&out, "out", "", "`folder` for the archives")
	})
	if err != nil {
		return err
	}
	if out == "" {
		return fmt.Errorf("archive takes -out")
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	for _, spec := range Specs {
		image, err := Build(spec, bin, release)
		if err != nil {
			return fmt.Errorf("build %s: %w", spec.Name, err)
		}
		path := filepath.Join(out, spec.Name+".tar")
		size, err := writeFile(path, release.Ref(spec), image)
		if err != nil {
			return fmt.Errorf("write %s: %w", path, err)
		}
		fmt.Fprintf(stdout, "%-44s %5.1f MB  %s\n", release.Ref(spec), float64(size)/1e6, path)
	}
	return nil
}

func push(args []string, stdout, stderr io.Writer) error {
	bin, release, err := parse("push", args, stderr, func(*flag.FlagSet) {})
	if err != nil {
		return err
	}
	for _, spec := range Specs {
		image, err := Build(spec, bin, release)
		if err != nil {
			return fmt.Errorf("build %s: %w", spec.Name, err)
		}
		digest, err := Push(release.Ref(spec), image)
		if err != nil {
			return fmt.Errorf("push %s: %w", release.Ref(spec), err)
		}
		fmt.Fprintf(stdout, "%s@%s\n", release.Ref(spec), digest)
	}
	return nil
}

func rootfs(args []string, _, _ io.Writer) error {
	if len(args) != 1 {
		return fmt.Errorf("rootfs takes a folder")
	}
	for _, f := range Rootfs() {
		path := filepath.Join(args[0], f.Path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, f.Body, 0o644); err != nil {
			return err
		}
	}
	return nil
}
