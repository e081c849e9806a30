// Package images tests the container images that ko builds (make images).
package images

import (
	"archive/tar"
	"bytes"
	"debug/buildinfo"
	"debug/elf"
	"errors"
	"io"
	"log"
	"maps"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// archives is the folder that make images writes to.
const archives = "../../bin/images"

// Size limits of one image, in bytes: of its archive, and of its files on a node's disk.
const (
	maxArchive  = 40_000_000
	maxUnpacked = 40_000_000
)

// images are the images by name. The first program is the entrypoint.
var images = []struct {
	name, target string
	programs     []string
}{
	{"profile-worker", "worker", []string{"/ko-app/profile-worker"}},
	{"profile-streamer", "streamer", []string{"/ko-app/profile-streamer"}},
	{"profile-dashboard", "dashboard", []string{"/ko-app/profile-dashboard"}},
	{"profiles", "profiles", []string{"/ko-app/profiles"}},
	{"profiles-nats", "nats", []string{"/ko-app/v2", "/ko-app/nats-health"}}, // ko names a binary by the last element of its import path
}

const licences = "/THIRD-PARTY-LICENSES"

const user = "65532:65532"

// open returns an archived image and its config.
func open(t *testing.T, image string) (v1.Image, *v1.ConfigFile) {
	t.Helper()
	img, err := tarball.ImageFromPath(filepath.Join(archives, image+".tar"), nil)
	if errors.Is(err, os.ErrNotExist) {
		t.Fatal("run make images first")
	}
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	return img, config
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

func TestArchives(t *testing.T) {
	for _, image := range images {
		t.Run(image.name, func(t *testing.T) {
			img, config := open(t, image.name)
			if err := validate.Image(img); err != nil {
				t.Error(err)
			}
			path := filepath.Join(archives, image.name+".tar")
			manifest, err := tarball.LoadManifest(func() (io.ReadCloser, error) { return os.Open(path) })
			if err != nil {
				t.Fatal(err)
			}
			if tags := manifest[0].RepoTags; len(tags) != 1 || !strings.Contains(tags[0], "/"+image.name+":") {
				t.Errorf("tags are %q", tags)
			}
			if info, err := os.Stat(path); err != nil || info.Size() >= maxArchive {
				t.Errorf("archive: %d bytes, %v", info.Size(), err)
			}

			equal(t, "user", config.Config.User, user)
			equal(t, "entrypoint", config.Config.Entrypoint, image.programs[:1])
			equal(t, "system", config.OS, "linux")
			for _, label := range []string{"title", "description", "version", "revision", "source", "licenses", "created"} {
				if v := config.Config.Labels["org.opencontainers.image."+label]; v == "" || v == "unknown" {
					t.Errorf("label %s is %q", label, v)
				}
			}
			content := files(t, img)
			equal(t, "list of files", slices.Sorted(maps.Keys(content)), slices.Sorted(slices.Values(append(image.programs, licences))))
			size := 0
			for _, body := range content {
				size += len(body)
			}
			if size >= maxUnpacked {
				t.Errorf("files: %d bytes", size)
			}
			var modules []string
			for _, program := range image.programs {
				checkExecutable(t, content[program], config.Architecture)
				modules = append(modules, modulesOf(t, content[program])...)
			}
			if image.target != "nats" && !slices.ContainsFunc(modules, func(m string) bool { return strings.HasPrefix(m, roots+" ") }) {
				t.Error("the binary has no CA certificates, and images have no files with them")
			}
			checkLicences(t, string(content[licences]), modules)
		})
	}
}

// roots is the module with the CA certificates.
const roots = "golang.org/x/crypto/x509roots/fallback"

// files returns the content of an image's files. One that the image's user may write to, or that is no regular file, is
// an error.
func files(t *testing.T, img v1.Image) map[string][]byte {
	t.Helper()
	flat := mutate.Extract(img)
	defer flat.Close()
	found := map[string][]byte{}
	for r := tar.NewReader(flat); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Mode&0o022 != 0 || h.Uid != 0 || h.Gid != 0 || h.Mode&0o7000 != 0 {
			t.Errorf("%s has mode %o and belongs to %d:%d", h.Name, h.Mode, h.Uid, h.Gid)
		}
		if h.Typeflag == tar.TypeDir {
			continue
		}
		if h.Typeflag != tar.TypeReg {
			t.Errorf("%s, of type %c, is in the image", h.Name, h.Typeflag)
		}
		body, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		found["/"+strings.TrimPrefix(h.Name, "/")] = body
	}
}

// checkExecutable reports a binary that is not static, or not for the image's architecture.
func checkExecutable(t *testing.T, binary []byte, architecture string) {
	t.Helper()
	f, err := elf.NewFile(bytes.NewReader(binary))
	if err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC }) {
		t.Error("the binary is not static")
	}
	want := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[architecture]
	equal(t, "machine", f.Machine, want)
}

// modulesOf returns the modules of others that are compiled into a binary, as "path version".
func modulesOf(t *testing.T, binary []byte) []string {
	t.Helper()
	info, err := buildinfo.Read(bytes.NewReader(binary))
	if err != nil {
		t.Fatal(err)
	}
	var modules []string
	for _, m := range append(info.Deps, &info.Main) {
		if !strings.HasPrefix(m.Path, "github.com/cis490/") {
			modules = append(modules, m.Path+" "+m.Version)
		}
	}
	return modules
}

// checkLicences reports a module without a licence, a licence of another module, and a licence without a text.
func checkLicences(t *testing.T, text string, modules []string) {
	t.Helper()
	_, text, ok := strings.Cut(text, "\n==== go1.")
	if !ok {
		t.Error("there is no licence of Go")
	}
	listed := map[string]bool{}
	for i, part := range strings.Split(text, "\n==== ") {
		heading, body, _ := strings.Cut(part, "\n")
		if len(strings.TrimSpace(body)) < 100 {
			t.Errorf("the licence of %s has no text", heading)
		}
		if module, _, ok := strings.Cut(heading, ": "); ok {
			listed[module] = true
		} else if i > 0 {
			t.Errorf("%s names no module", heading)
		}
	}
	slices.Sort(modules)
	equal(t, "list of modules with licences", slices.Sorted(maps.Keys(listed)), slices.Compact(modules))
}

// TestPush pushes to a registry, and compares with the archives. It also shows that two builds of one commit are equal.
func TestPush(t *testing.T) {
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	prefix := strings.TrimPrefix(server.URL, "http://") + "/team"
	pushed := t.TempDir()
	if out, err := exec.Command("make", "-C", "../..", "images-push", "IMAGE_PREFIX="+prefix, "PUSHED="+pushed).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	component, err := os.ReadFile(filepath.Join(pushed, "kustomization.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "number of images in the component", bytes.Count(component, []byte("\n  - ")), len(images))
	for _, image := range images {
		t.Run(image.name, func(t *testing.T) {
			ref, err := name.ParseReference(prefix + "/" + image.name + ":dev")
			if err != nil {
				t.Fatal(err)
			}
			pulled, err := remote.Image(ref)
			if err != nil {
				t.Fatal(err)
			}
			if err := validate.Image(pulled); err != nil {
				t.Error(err)
			}
			archived, _ := open(t, image.name)
			got, err := pulled.ConfigName()
			if err != nil {
				t.Fatal(err)
			}
			want, err := archived.ConfigName()
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "digest of the config", got, want)
			digest, err := pulled.Digest()
			if err != nil {
				t.Fatal(err)
			}
			line := "\n  - {name: ghcr.io/cis490/" + image.name + ", newName: " + prefix + "/" + image.name + ", digest: " + digest.String() + "}\n"
			if !strings.Contains(string(component), line) {
				t.Errorf("the component has no line %s:\n%s", line, component)
			}
		})
	}
}

// TestDockerfile compares the Dockerfile with the archives. docker build itself needs a Docker engine and is not run.
func TestDockerfile(t *testing.T) {
	body, err := os.ReadFile("../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`(?m)^ARG GO_IMAGE=golang:\d+\.\d+\.\d+(@sha256:[0-9a-f]{64})?$`).Match(body) {
		t.Error("the image of Go has neither a digest nor the tag of one release")
	}
	for _, m := range regexp.MustCompile(`(?m)^FROM (?:--\S+ )?(\S+)`).FindAllSubmatch(body, -1) {
		if !slices.Contains([]string{"$GO_IMAGE", "scratch", "base"}, string(m[1])) {
			t.Errorf("image %s is not pinned", m[1])
		}
	}
	base, _, _ := strings.Cut(string(body), "\nFROM base AS ")
	for _, line := range []string{"FROM scratch AS base", "COPY --from=build /ko-app" + licences + " " + licences, "ENV PATH=/ko-app", "USER " + user} {
		if !strings.Contains(base, "\n"+line+"\n") {
			t.Errorf("stage base has no line %s", line)
		}
	}
	for _, image := range images {
		_, rest, ok := strings.Cut(string(body), "\nFROM base AS "+image.target+"\n")
		if !ok {
			t.Errorf("there is no stage %s", image.target)
			continue
		}
		stage, _, _ := strings.Cut(rest, "\nFROM ")
		lines := []string{`ENTRYPOINT ["` + image.programs[0] + `"]`}
		for _, program := range image.programs {
			lines = append(lines, "COPY --from=build "+program+" "+program)
		}
		for _, line := range lines {
			if !strings.Contains(stage+"\n", line+"\n") {
				t.Errorf("stage %s has no line %s", image.target, line)
			}
		}
		_, config := open(t, image.name)
		for label, value := range config.Config.Labels {
			// version, revision and created are arguments of the build.
			if !strings.Contains(stage, label+`="`+value+`"`) && !strings.Contains(base, label+`="`+value+`"`) && !strings.Contains(base, label+"=$") {
				t.Errorf("stage %s has no label %s=%q", image.target, label, value)
			}
		}
	}
}
