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
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
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

// images are the images by name.
var images = []struct{ name, target, binary string }{
	{"profile-worker", "worker", "/ko-app/profile-worker"},
	{"profile-streamer", "streamer", "/ko-app/profile-streamer"},
	{"profile-dashboard", "dashboard", "/ko-app/profile-dashboard"},
	{"profiles", "profiles", "/ko-app/profiles"},
	{"profiles-nats", "nats", "/ko-app/v2"}, // ko names a binary by the last element of its import path
}

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
			equal(t, "entrypoint", config.Config.Entrypoint, []string{image.binary})
			equal(t, "system", config.OS, "linux")
			for _, label := range []string{"title", "description", "version", "revision", "source", "licenses", "created"} {
				if v := config.Config.Labels["org.opencontainers.image."+label]; v == "" || v == "unknown" {
					t.Errorf("label %s is %q", label, v)
				}
			}
			binary := onlyFile(t, img, image.binary)
			if len(binary) >= maxUnpacked {
				t.Errorf("binary: %d bytes", len(binary))
			}
			checkExecutable(t, binary, config.Architecture)
			if image.target != "nats" {
				checkRoots(t, binary)
			}
		})
	}
}

// onlyFile returns the content of the image's only file. Another file, or one that the image's user may write to, is
// an error.
func onlyFile(t *testing.T, img v1.Image, path string) []byte {
	t.Helper()
	flat := mutate.Extract(img)
	defer flat.Close()
	var body []byte
	for r := tar.NewReader(flat); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return body
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
		if h.Typeflag != tar.TypeReg || "/"+strings.TrimPrefix(h.Name, "/") != path {
			t.Errorf("%s, of type %c, is in the image", h.Name, h.Typeflag)
		}
		if body, err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
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

// checkRoots reports a binary without CA certificates: images have no files with them.
func checkRoots(t *testing.T, binary []byte) {
	t.Helper()
	info, err := buildinfo.Read(bytes.NewReader(binary))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(info.Deps, func(m *debug.Module) bool { return m.Path == "golang.org/x/crypto/x509roots/fallback" }) {
		t.Error("the binary has no CA certificates")
	}
}

// TestBinariesRun starts each binary as the image's user, with the image as its root folder.
func TestBinariesRun(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("changing the root folder takes root")
	}
	for _, image := range images {
		t.Run(image.name, func(t *testing.T) {
			img, config := open(t, image.name)
			root := t.TempDir()
			path := filepath.Join(root, image.binary)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, onlyFile(t, img, image.binary), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(root, 0o755); err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			cmd := exec.Cmd{
				Path:   image.binary,
				Args:   []string{image.binary, "--version"},
				Env:    config.Config.Env,
				Dir:    "/",
				Stdout: &out,
				Stderr: &out,
				SysProcAttr: &syscall.SysProcAttr{
					Chroot:     root,
					Credential: &syscall.Credential{Uid: 65532, Gid: 65532},
				},
			}
			if err := cmd.Run(); err != nil {
				t.Fatalf("%v\n%s", err, &out)
			}
			version := config.Config.Labels["org.opencontainers.image.version"]
			if image.target == "nats" {
				version = "v2."
			}
			if !strings.Contains(out.String(), version) {
				t.Errorf("--version prints %q, the label is %q", &out, version)
			}
		})
	}
}

// TestPush pushes to a registry, and compares with the archives. It also shows that two builds of one commit are equal.
func TestPush(t *testing.T) {
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	prefix := strings.TrimPrefix(server.URL, "http://") + "/team"
	if out, err := exec.Command("make", "-C", "../..", "images-push", "IMAGE_PREFIX="+prefix).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
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
		})
	}
}

// TestDockerfile compares the Dockerfile with the archives. docker build itself needs a Docker engine and is not run.
func TestDockerfile(t *testing.T) {
	body, err := os.ReadFile("../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	base, _, _ := strings.Cut(string(body), "\nFROM base AS ")
	for _, line := range []string{"FROM scratch AS base", "ENV PATH=/ko-app", "USER " + user} {
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
		for _, line := range []string{`ENTRYPOINT ["` + image.binary + `"]`, "COPY --from=build " + image.binary + " " + image.binary} {
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
