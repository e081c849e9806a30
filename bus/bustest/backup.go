package bustest

import (
	"os"
	"path/filepath"
)

// Backup ends the server, copies the files of one stream, consumers included,
// and starts it again. What it returns brings the stream back to that, likewise
// with a restart; a bucket's stream is KV_<bucket>.
func (s *Server) Backup(stream string) (restore func()) {
	s.t.Helper()
	saved := filepath.Join(s.t.TempDir(), stream)
	s.replace(saved, s.files(stream))
	return func() {
		s.t.Helper()
		s.replace(s.files(stream), saved)
	}
}

// files is where the server keeps a stream.
func (s *Server) files(stream string) string {
	return filepath.Join(s.dir, "jetstream", "$G", "streams", stream)
}

// replace makes a folder a copy of another while the server is down.
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

// BackupAll is Backup of everything that the server keeps.
func (s *Server) BackupAll() (restore func()) {
	s.t.Helper()
	saved := filepath.Join(s.t.TempDir(), "all")
	s.replace(saved, s.dir)
	return func() {
		s.t.Helper()
		s.replace(s.dir, saved)
	}
}
