package main

import (
	"archive/tar"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// WriteArchive writes an image as docker save does since version 25: an OCI
// layout with a manifest.json of the older Docker form beside it, both naming
// the same blobs. containerd and oci-archive readers take the first, every
// docker load and docker-archive reader the second.
func WriteArchive(w io.Writer, ref string, image v1.Image) error {
	tag, err := name.NewTag(ref, name.StrictValidation)
	if err != nil {
		return err
	}
	manifest, err := image.RawManifest()
	if err != nil {
		return err
	}
	digest, err := image.Digest()
	if err != nil {
		return err
	}
	config, err := image.RawConfigFile()
	if err != nil {
		return err
	}
	configName, err := image.ConfigName()
	if err != nil {
		return err
	}
	layers, err := image.Layers()
	if err != nil {
		return err
	}
	configFile, err := image.ConfigFile()
	if err != nil {
		return err
	}

	a := archiver{w: tar.NewWriter(w)}
	a.json("oci-layout", map[string]string{"imageLayoutVersion": "1.0.0"})
	a.json("index.json", v1.IndexManifest{
		SchemaVersion: 2,
		MediaType:     types.OCIImageIndex,
		Manifests: []v1.Descriptor{{
			MediaType: types.OCIManifestSchema1,
			Digest:    digest,
			Size:      int64(len(manifest)),
			Platform:  configFile.Platform(),
			Annotations: map[string]string{
				"io.containerd.image.name":          tag.String(),
				"org.opencontainers.image.ref.name": tag.TagStr(),
			},
		}},
	})
	docker := dockerManifest{Config: blobPath(configName), RepoTags: []string{tag.String()}}
	a.file(blobPath(digest), manifest)
	a.file(blobPath(configName), config)
	for _, layer := range layers {
		digest, err := layer.Digest()
		if err != nil {
			return err
		}
		docker.Layers = append(docker.Layers, blobPath(digest))
		a.layer(blobPath(digest), layer)
	}
	a.json("manifest.json", []dockerManifest{docker})
	return a.close()
}

// dockerManifest is an element of manifest.json.
type dockerManifest struct {
	Config   string
	RepoTags []string
	Layers   []string
}

func blobPath(h v1.Hash) string { return "blobs/" + h.Algorithm + "/" + h.Hex }

// archiver writes members until the first error, which close returns.
type archiver struct {
	w   *tar.Writer
	err error
}

func (a *archiver) header(name string, size int64) {
	if a.err == nil {
		a.err = a.w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: size, Format: tar.FormatUSTAR, ModTime: time.Unix(0, 0)})
	}
}

func (a *archiver) file(name string, body []byte) {
	a.header(name, int64(len(body)))
	if a.err == nil {
		_, a.err = a.w.Write(body)
	}
}

func (a *archiver) json(name string, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		a.err = err
		return
	}
	a.file(name, body)
}

func (a *archiver) layer(name string, layer v1.Layer) {
	size, err := layer.Size()
	if err != nil {
		a.err = err
		return
	}
	a.header(name, size)
	if a.err != nil {
		return
	}
	body, err := layer.Compressed()
	if err != nil {
		a.err = err
		return
	}
	defer body.Close()
	_, a.err = io.Copy(a.w, body)
}

func (a *archiver) close() error {
	if a.err != nil {
		return a.err
	}
	return a.w.Close()
}

// writeFile writes an archive whole or not at all, and says how long it is.
func writeFile(path, ref string, image v1.Image) (int64, error) {
	f, err := os.Create(path + ".part")
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // gone where it was renamed
	if err := WriteArchive(f, ref, image); err != nil {
		f.Close()
		return 0, err
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		f.Close()
		return 0, err
	}
	if err := f.Close(); err != nil {
		return 0, err
	}
	if err := os.Rename(path+".part", path); err != nil {
		return 0, fmt.Errorf("finish: %w", err)
	}
	return size, nil
}
