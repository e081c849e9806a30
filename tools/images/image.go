package main

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Spec is one image. The Dockerfile says the same of each, and a test compares.
type Spec struct {
	Name        string // of the image, behind the prefix
	Target      string // of the Dockerfile
	Binary      string // in /usr/local/bin
	Description string
}

// Specs are the images of the project.
var Specs = []Spec{
	{"profile-worker", "worker", "profile-worker", "Turns accepted episodes into curves and curves into envelopes"},
	{"profile-streamer", "streamer", "profile-streamer", "Publishes envelopes as events"},
	{"profile-dashboard", "dashboard", "profile-dashboard", "Serves the page of all envelopes, live"},
	{"profiles", "profiles", "profiles", "The operator's command: emit, fit, status, export, topology"},
	{"profiles-nats", "nats", "nats-server", "The NATS server that the services are tested with"},
}

// Release is what the images of one build have in common.
type Release struct {
	Prefix, Tag       string
	Version, Revision string
	Created           time.Time // of the commit; UTC
}

// Ref is the full name of an image.
func (r Release) Ref(s Spec) string { return r.Prefix + "/" + s.Name + ":" + r.Tag }

// Labels are those that OCI has names for.
func (r Release) Labels(s Spec) map[string]string {
	const oci = "org.opencontainers.image."
	return map[string]string{
		oci + "title":       s.Name,
		oci + "description": s.Description,
		oci + "version":     r.Version,
		oci + "revision":    r.Revision,
		oci + "created":     r.Created.Format(time.RFC3339),
		oci + "source":      "https://github.com/cis490/profiles",
		oci + "licenses":    "Apache-2.0",
	}
}

// Build makes an image of a binary in the folder bin: one layer that all
// images share, and one with the binary. Equal input gives equal bytes.
func Build(s Spec, bin string, r Release) (v1.Image, error) {
	binary, err := os.ReadFile(filepath.Join(bin, s.Binary))
	if err != nil {
		return nil, err
	}
	arch, err := architecture(binary)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Binary, err)
	}
	entry := "/usr/local/bin/" + s.Binary
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	for _, layer := range []struct {
		by    string
		files []File
		mode  int64
	}{
		{"rootfs", Rootfs(), 0o644},
		{s.Binary, []File{{entry[1:], binary}}, 0o755},
	} {
		l, err := pack(layer.files, layer.mode)
		if err != nil {
			return nil, err
		}
		image, err = mutate.Append(image, mutate.Addendum{
			Layer:   l,
			History: v1.History{CreatedBy: "tools/images: " + layer.by, Created: v1.Time{Time: r.Created}},
		})
		if err != nil {
			return nil, err
		}
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", arch
	config.Created = v1.Time{Time: r.Created}
	config.Config = v1.Config{
		User:       User,
		Entrypoint: []string{entry},
		Env:        []string{"PATH=/usr/local/bin"},
		WorkingDir: "/",
		Labels:     r.Labels(s),
	}
	return mutate.ConfigFile(image, config)
}

// Push puts an image into a registry, with the credentials of docker login.
func Push(ref string, image v1.Image) (v1.Hash, error) {
	tag, err := name.NewTag(ref, name.StrictValidation)
	if err != nil {
		return v1.Hash{}, err
	}
	if err := remote.Write(tag, image, remote.WithAuthFromKeychain(authn.DefaultKeychain)); err != nil {
		return v1.Hash{}, err
	}
	return image.Digest()
}

var errNotStatic = errors.New("not a static executable: build it with CGO_ENABLED=0")

// architecture is that of a static Linux executable, in Go's words.
func architecture(binary []byte) (string, error) {
	f, err := elf.NewFile(bytes.NewReader(binary))
	if err != nil {
		return "", fmt.Errorf("read executable (build it with GOOS=linux): %w", err)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			return "", errNotStatic
		}
	}
	switch f.Machine {
	case elf.EM_X86_64:
		return "amd64", nil
	case elf.EM_AARCH64:
		return "arm64", nil
	}
	return "", fmt.Errorf("machine %v is none that images are made for", f.Machine)
}

// pack makes a layer of files and the folders that they stand in. All belong
// to root and are of the year 1970, so a layer changes only with its bytes.
func pack(files []File, mode int64) (v1.Layer, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	var made []string
	for _, f := range files {
		for _, dir := range folders(f.Path) {
			if slices.Contains(made, dir) {
				continue
			}
			made = append(made, dir)
			if err := w.WriteHeader(&tar.Header{Name: dir + "/", Typeflag: tar.TypeDir, Mode: 0o755, Format: tar.FormatUSTAR, ModTime: time.Unix(0, 0)}); err != nil {
				return nil, err
			}
		}
		if err := w.WriteHeader(&tar.Header{Name: f.Path, Typeflag: tar.TypeReg, Mode: mode, Size: int64(len(f.Body)), Format: tar.FormatUSTAR, ModTime: time.Unix(0, 0)}); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.Body); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil }
	return tarball.LayerFromOpener(open, tarball.WithMediaType(types.OCILayer), tarball.WithCompressedCaching)
}

// folders are those above a path, the topmost first.
func folders(p string) []string {
	var all []string
	for dir := path.Dir(p); dir != "."; dir = path.Dir(dir) {
		all = append(all, dir)
	}
	slices.Reverse(all)
	return all
}
