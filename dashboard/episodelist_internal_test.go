package dashboard

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cis490/profiles/fit"
)

// A pieces is a browser that notes the longest write to it.
type pieces struct {
	*httptest.ResponseRecorder
	longest int
}

func (p *pieces) Write(data []byte) (int, error) {
	p.longest = max(p.longest, len(data))
	return p.ResponseRecorder.Write(data)
}

// TestLongAnswersComeInPieces: an answer of megabytes is written 64 KiB at a time, each with its own time-out. It is never in
// memory as a whole, so browsers that read slowly can't fill the memory.
func TestLongAnswersComeInPieces(t *testing.T) {
	for n, points := range map[int]int{0: 80, 1: 80, 2: 80, 10: 20_000, maxEpisodes: 400} {
		l := &episodeList{Profile: "p", Phases: json.RawMessage(`[]`), N: n, Episodes: []shownEpisode{}, points: points}
		for range n {
			curve := make(fit.Curve, l.points)
			for i := range curve {
				curve[i] = 1 / float64(i+3)
			}
			l.Episodes = append(l.Episodes, shownEpisode{Host: "<h>", Episode: "e", Curve: curve})
		}
		var want bytes.Buffer
		if err := json.NewEncoder(&want).Encode(l); err != nil {
			t.Fatal(err)
		}
		for _, format := range []string{"json", "csv"} {
			p := &pieces{ResponseRecorder: httptest.NewRecorder()}
			l.serve(p, format, time.Minute)
			if p.longest > chunkBytes {
				t.Errorf("%d episodes as %s: %d bytes are written at once", n, format, p.longest)
			}
			if got := p.Body.String(); format == "json" && got != want.String() || format == "csv" && strings.Count(got, "\r\n") != n+1 {
				t.Errorf("%d episodes as %s: %.200s", n, format, got)
			}
		}
	}
}
