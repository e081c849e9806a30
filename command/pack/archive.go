package pack

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"

	"github.com/klauspost/compress/zstd"
)

// writeArchive writes the archive of an episode. The same files give the same bytes.
func writeArchive(to io.Writer, from *os.Root, e foundEpisode) error {
	compressed, err := zstd.NewWriter(to, zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(true))
	if err != nil {
		return err
	}
	archive := tar.NewWriter(compressed)
	for _, name := range slices.Sorted(slices.Values(e.files)) {
		if err := writeMember(archive, from, e.folder, name); err != nil {
			return errors.Join(err, compressed.Close())
		}
	}
	return errors.Join(archive.Close(), compressed.Close())
}

// writeMember writes one file as a member.
func writeMember(to *tar.Writer, from *os.Root, folder, name string) error {
	file, err := from.Open(path.Join(folder, name))
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%q is not a regular file any more", name)
	}
	if err := to.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: info.Size()}); err != nil {
		return fmt.Errorf("%q: %w", name, err)
	}
	switch n, err := io.Copy(to, file); {
	case errors.Is(err, tar.ErrWriteTooLong), err == nil && n < info.Size():
		return fmt.Errorf("%q changed while it was read: pack again when the recorder has ended", name)
	case err != nil:
		return fmt.Errorf("%q: %w", name, err)
	}
	return nil
}

// errDiffers is the error of a comparer.
var errDiffers = errors.New("the file has other content")

// A comparer compares what is written to it with a file.
type comparer struct {
	file io.Reader
	have []byte
}

// Write returns errDiffers if the file does not go on with p.
func (c *comparer) Write(p []byte) (int, error) {
	if len(c.have) < len(p) {
		c.have = make([]byte, len(p))
	}
	n, err := io.ReadFull(c.file, c.have[:len(p)])
	if err == io.EOF || err == io.ErrUnexpectedEOF || err == nil && !bytes.Equal(c.have[:n], p) {
		return 0, errDiffers
	}
	return n, err
}

// atEnd reports whether the file ends here.
func (c *comparer) atEnd() bool {
	n, err := c.file.Read(make([]byte, 1))
	return n == 0 && err == io.EOF
}
