// Command base makes the image that ko puts a binary on: nothing but the given files. ko finds it in its cache.
package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"log"
	"os"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const usage = `usage: base CACHE ARCHITECTURE [FILE=/path/in/image ...]

Adds an image of these files to the folder CACHE, in the form of OCI, and prints its digest. Files belong
to root. They can be read by all, written by nobody, and run if FILE can be run. Equal files give equal bytes.`

func main() {
	log.SetFlags(0)
	log.SetPrefix("base: ")
	if len(os.Args) < 3 {
		log.Fatal(usage)
	}
	digest, err := add(os.Args[1], os.Args[2], os.Args[3:])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(digest)
}

// add adds an image of files, each FILE=/path/in/image, to a folder.
func add(cache, architecture string, files []string) (v1.Hash, error) {
	archive, err := pack(files)
	if err != nil {
		return v1.Hash{}, err
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(archive)), nil }
	layer, err := tarball.LayerFromOpener(open, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return v1.Hash{}, err
	}
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	if img, err = mutate.ConfigFile(img, &v1.ConfigFile{OS: "linux", Architecture: architecture, RootFS: v1.RootFS{Type: "layers"}}); err != nil {
		return v1.Hash{}, err
	}
	img, err = mutate.Append(img, mutate.Addendum{Layer: layer, History: v1.History{CreatedBy: "tools/ko/base", Comment: "files beside the binary"}})
	if err != nil {
		return v1.Hash{}, err
	}
	folder, err := layout.FromPath(cache)
	if err != nil {
		if folder, err = layout.Write(cache, empty.Index); err != nil {
			return v1.Hash{}, err
		}
	}
	if err := folder.AppendImage(img); err != nil {
		return v1.Hash{}, err
	}
	return img.Digest()
}

// pack returns a tar of files, each FILE=/path/in/image.
func pack(files []string) ([]byte, error) {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, f := range files {
		file, path, ok := strings.Cut(f, "=/")
		if !ok {
			return nil, fmt.Errorf("%s is not FILE=/path/in/image", f)
		}
		body, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		info, err := os.Stat(file)
		if err != nil {
			return nil, err
		}
		header := &tar.Header{Typeflag: tar.TypeReg, Name: path, Size: int64(len(body)), Mode: 0o444 | int64(info.Mode())&0o111}
		if err := w.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := w.Write(body); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return archive.Bytes(), nil
}
