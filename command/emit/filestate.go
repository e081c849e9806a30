package emit

import (
	"os"
	"time"
)

// A fileState tells one content of a file from the next. The zero value means that there is
// no file.
type fileState struct {
	info    os.FileInfo
	changed time.Time // of the inode, which no program can set back; zero where the system does not say
}

// look returns the present state of the file at path.
func look(path string) fileState {
	info, err := os.Stat(path)
	if err != nil {
		return fileState{}
	}
	return fileState{info, changeTime(info)}
}

// sameAs reports whether two states are of one file that did not change. If another file
// took its place it has changed, even if size and times are the same.
func (a fileState) sameAs(b fileState) bool {
	if a.info == nil || b.info == nil {
		return a.info == nil && b.info == nil
	}
	return os.SameFile(a.info, b.info) && a.info.Size() == b.info.Size() &&
		a.info.ModTime().Equal(b.info.ModTime()) && a.changed.Equal(b.changed)
}

// coarsest is the longest step of the clocks by which file systems note changes.
const coarsest = 2 * time.Second

// young reports whether the file was changed so lately that another change may get the same
// time.
func (a fileState) young() bool {
	return a.info != nil && (time.Since(a.info.ModTime()) < coarsest || time.Since(a.changed) < coarsest)
}
