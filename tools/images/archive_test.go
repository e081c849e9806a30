package main

import (
	"archive/tar"
	"bytes"
	"crypto/x509"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// archives is where make image-archives writes.
const archives = "../../bin/images"

// Limits of one image: of the archive, which is what travels, and of what it
// takes on a node's disk.
const (
	maxArchive  = 40_000_000
	maxUnpacked = 40_000_000
)

// TestArchives opens what make image-archives wrote, with readers of both of
// its forms.
func TestArchives(t *testing.T) {
	for _, spec := range Specs {
		t.Run(spec.Name, func(t *testing.T) {
			path := filepath.Join(archives, spec.Name+".tar")
			info, err := os.Stat(path)
			if errors.Is(err, fs.ErrNotExist) {
				t.Fatal("run make image-archives first")
			}
			if err != nil {
				t.Fatal(err)
			}
			if info.Size() >= maxArchive {
				t.Errorf("%d bytes", info.Size())
			}

			image, ref := readOCI(t, path)
			docker, err := tarball.ImageFromPath(path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := validate.Image(docker); err != nil {
				t.Errorf("as Docker reads it: %v", err)
			}
			manifest, err := tarball.LoadManifest(func() (io.ReadCloser, error) { return os.Open(path) })
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "Docker's name", manifest[0].RepoTags, []string{ref})
			if !strings.Contains(ref, "/"+spec.Name+":") {
				t.Errorf("name is %s", ref)
			}

			config, err := image.ConfigFile()
			if err != nil {
				t.Fatal(err)
			}
			entry := "/usr/local/bin/" + spec.Binary
			equal(t, "user", config.Config.User, "65532:65532")
			equal(t, "entrypoint", config.Config.Entrypoint, []string{entry})
			equal(t, "system", config.OS, "linux")
			for _, label := range []string{"title", "description", "version", "revision", "source", "licenses", "created"} {
				if v := config.Config.Labels["org.opencontainers.image."+label]; v == "" || v == "unknown" {
					t.Errorf("label %s is %q", label, v)
				}
			}

			files, size := unpack(t, image)
			if size >= maxUnpacked {
				t.Errorf("%d bytes when unpacked", size)
			}
			equal(t, "files", slices.Sorted(maps.Keys(files)), []string{
				"etc/group", "etc/passwd", "etc/ssl/certs/ca-certificates.crt", entry[1:],
			})
			arch, err := architecture(files[entry[1:]])
			if err != nil {
				t.Error(err)
			}
			equal(t, "architecture", config.Architecture, arch)
			t.Logf("%s: %.1f MB, unpacked %.1f MB", ref, float64(info.Size())/1e6, float64(size)/1e6)
		})
	}
}

// TestBinariesRun starts each binary with nothing but its image's files, as
// the image's user.
func TestBinariesRun(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not tested: changing the root folder takes root")
	}
	for _, spec := range Specs {
		t.Run(spec.Name, func(t *testing.T) {
			image, _ := readOCI(t, filepath.Join(archives, spec.Name+".tar"))
			config, err := image.ConfigFile()
			if err != nil {
				t.Fatal(err)
			}
			root := t.TempDir()
			files, _ := unpack(t, image)
			for path, body := range files {
				path = filepath.Join(root, path)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, body, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Chmod(root, 0o755); err != nil {
				t.Fatal(err)
			}
			var said bytes.Buffer
			cmd := exec.Cmd{
				Path:   config.Config.Entrypoint[0],
				Args:   []string{config.Config.Entrypoint[0], "--version"},
				Env:    config.Config.Env,
				Dir:    "/",
				Stdout: &said,
				Stderr: &said,
				SysProcAttr: &syscall.SysProcAttr{
					Chroot:     root,
					Credential: &syscall.Credential{Uid: 65532, Gid: 65532},
				},
			}
			if err := cmd.Run(); err != nil {
				t.Fatalf("%v\n%s", err, &said)
			}
			version := config.Config.Labels["org.opencontainers.image.version"]
			if spec.Target == "nats" {
				version = "v2."
			}
			if !strings.Contains(said.String(), version) {
				t.Errorf("--version says %q, the label %q", &said, version)
			}
		})
	}
}

func TestAuthorities(t *testing.T) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(authorities()) {
		t.Fatal("no certificate in the bundle")
	}
	if n := bytes.Count(authorities(), []byte("BEGIN CERTIFICATE")); n < 100 {
		t.Errorf("%d certificates", n)
	}
	alone := x509.NewCertPool()
	for _, f := range Rootfs() {
		alone.AppendCertsFromPEM(f.Body)
	}
	if !alone.Equal(pool) {
		t.Error("the bundle is not among the files")
	}
}

// readOCI reads an archive as containerd does, checks each digest, and returns
// the image with its name.
func readOCI(t *testing.T, path string) (v1.Image, string) {
	t.Helper()
	dir := t.TempDir()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := tar.NewReader(f)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		member := filepath.Join(dir, h.Name)
		if err := os.MkdirAll(filepath.Dir(member), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(member, body, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Errorf("as containerd reads it: %v", err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if len(manifest.Manifests) != 1 {
		t.Fatalf("%d images in one archive", len(manifest.Manifests))
	}
	d := manifest.Manifests[0]
	image, err := index.Image(d.Digest)
	if err != nil {
		t.Fatal(err)
	}
	ref := d.Annotations["io.containerd.image.name"]
	if tag := d.Annotations["org.opencontainers.image.ref.name"]; !strings.HasSuffix(ref, ":"+tag) {
		t.Errorf("%s has the tag %s", ref, tag)
	}
	return image, ref
}

// unpack returns the files of an image and the bytes of all. Whatever is
// neither file nor folder, or may be written to by others than root, is an error.
func unpack(t *testing.T, image v1.Image) (map[string][]byte, int64) {
	t.Helper()
	files, size := map[string][]byte{}, int64(0)
	flat := mutate.Extract(image)
	defer flat.Close()
	r := tar.NewReader(flat)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files, size
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Mode&0o022 != 0 || h.Uid != 0 || h.Gid != 0 || h.Mode&0o7000 != 0 {
			t.Errorf("%s has mode %o and belongs to %d:%d", h.Name, h.Mode, h.Uid, h.Gid)
		}
		switch h.Typeflag {
		case tar.TypeDir:
		case tar.TypeReg:
			body, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			files[h.Name] = body
			size += int64(len(body))
		default:
			t.Errorf("%s is of type %c", h.Name, h.Typeflag)
		}
	}
}
