package bustest

import (
	"os"
	"path/filepath"
)

// Backup stops the server, copies the files of one stream with its consumers, and
// starts it again. The returned function restores the stream, also with a restart. The
// stream of a bucket is KV_<bucket>.
func (s *Server) Backup(stream string) (restore func()) {
	s.t.Helper()
	saved := filepath.Join(s.t.TempDir(), stream)
	s.replace(saved, s.files(stream))
	return func() {
		s.t.Helper()
		s.replace(s.files(stream), saved)
	}
}

// files is the folder of a stream.
func (s *Server) files(stream string) string {
	return filepath.Join(s.dir, "jetstream", "$G", "streams", stream)
}

// replace makes a folder a copy of another while the server is stopped.
func (s *Server) replace(to, from string) {
	s.t.Helper()
	s.Stop()
	if err := os.RemoveAll(to); err != nil {
		s.t.Fatal(err)
	}
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		s.t.Fatal(err)
	}
	s.start()
}

// BackupAll is Backup of everything that the server stores.
func (s *Server) BackupAll() (restore func()) {
	s.t.Helper()
	saved := filepath.Join(s.t.TempDir(), "all")
	s.replace(saved, s.dir)
	return func() {
		s.t.Helper()
		s.replace(s.dir, saved)
	}
}
