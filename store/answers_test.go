package store

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/cis490/profiles/episode"
)

// TestAnswersDocumented: docs/OPERATIONS.md has exactly these tables.
func TestAnswersDocumented(t *testing.T) {
	words := map[error]string{episode.ErrNotFound: "missing", episode.ErrCorrupt: "corrupt", episode.ErrRefused: "refused", nil: "no answer"}
	var want strings.Builder
	want.WriteString("| store | answer | meaning |\n|---|---|---|\n")
	for _, s := range []struct {
		name string
		rows answers
	}{{"directory", dirAnswers}, {"NATS", natsAnswers}, {"S3", s3Answers}} {
		for _, row := range s.rows {
			fmt.Fprintf(&want, "| %s | %s | %s |\n", s.name, row.says, words[row.means])
		}
	}
	want.WriteString("| NATS, S3 | all bytes came, and their SHA-256 is not the one that was stored with them | corrupt |\n")
	have, err := os.ReadFile("../docs/OPERATIONS.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(have), want.String()) {
		t.Errorf("docs/OPERATIONS.md must have this table:\n%s", want.String())
	}
}

// TestExplain: an error that means nothing yet gets the meaning of its row, and keeps its text.
func TestExplain(t *testing.T) {
	plain := errors.New("the disk fails")
	if got := dirAnswers.explain(plain); got != plain {
		t.Errorf("%v", got)
	}
	once := dirAnswers.explain(fmt.Errorf("open it: %w", os.ErrNotExist))
	if !errors.Is(once, episode.ErrNotFound) || !strings.Contains(once.Error(), "open it") {
		t.Errorf("%v", once)
	}
	if corrupt := dirAnswers.explain(errNotRegular); corrupt != errNotRegular {
		t.Errorf("explained twice: %v", corrupt)
	}
}
