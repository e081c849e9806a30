package dashboard

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/plain"
)

// An episodeList is the answer to GET api/profiles/{name}/episodes. docs/MESSAGES.md defines it.
type episodeList struct {
	Profile    fit.ProfileName `json:"profile"`
	Generation fit.Generation  `json:"generation"`
	Digest     fit.Digest      `json:"digest"`  // of the sample as it was read
	Current    bool            `json:"current"` // it is the sample of the profile's last event
	N          int             `json:"n"`       // episodes in the sample
	LeftOut    int             `json:"left_out"`
	Channel    string          `json:"channel"`
	Unit       string          `json:"unit"`
	Phases     json.RawMessage `json:"phases,omitempty"` // as in the event
	Episodes   []shownEpisode  `json:"episodes"`         // by rank

	points int
}

// A shownEpisode is one episode of an episodeList.
type shownEpisode struct {
	Host      string                      `json:"host"`
	Episode   string                      `json:"episode"`
	Curve     fit.Curve                   `json:"curve"`             // in the unit; null at a gap
	Seconds   fit.Seconds                 `json:"seconds"`           // the lengths of the five slices; 0 if unknown
	Quality   map[fit.QualityKind]float32 `json:"quality,omitempty"` // only what is not 0
	LooksLike string                      `json:"looks_like,omitempty"`
	Unusual   *shownUnusual               `json:"unusual,omitempty"`

	quality fit.Quality
}

type shownUnusual struct {
	Outside int      `json:"outside"`
	Point   int      `json:"point"`
	Value   *float64 `json:"value"`
	Low     *float64 `json:"low"`
	High    *float64 `json:"high"`
	Reason  string   `json:"reason"`
}

// newEpisodeList makes the answer. If the sample is too large for it, the marked episodes come first in the choice, and then those
// of lowest rank, which are a random sample, too.
func newEpisodeList(wanted wantedSample, shown shownProfile, sample readSample, m marks) *episodeList {
	l := &episodeList{
		Profile: wanted.profile, Generation: wanted.generation, Digest: sample.digest, Current: sample.digest == wanted.digest,
		N: len(sample.members), Channel: shown.Channel, Unit: shown.Unit, Phases: shown.Phases, Episodes: []shownEpisode{}, points: wanted.points,
	}
	room := max(1, min(maxEpisodes, maxEpisodeValues/wanted.points))
	marked := 0
	for _, e := range sample.members {
		if m.has(e) {
			marked++
		}
	}
	others := max(0, room-marked)
	for _, e := range sample.members {
		if !m.has(e) {
			if others == 0 {
				continue
			}
			others--
		} else if len(l.Episodes) >= room {
			continue
		}
		l.Episodes = append(l.Episodes, showEpisode(e, m, wanted.points))
	}
	l.LeftOut = l.N - len(l.Episodes)
	return l
}

func showEpisode(e fit.Entry, m marks, points int) shownEpisode {
	name := episodeName{e.Host, e.Episode}
	s := shownEpisode{Host: e.Host, Episode: e.Episode, Curve: e.Curve, Seconds: e.Seconds, LooksLike: m.looksLike[name], quality: e.Quality}
	kinds := fit.QualityKinds()
	for i, v := range e.Quality.Values() {
		if v > 0 {
			if s.Quality == nil {
				s.Quality = map[fit.QualityKind]float32{}
			}
			s.Quality[kinds[i]] = v
		}
	}
	if o, ok := m.unusual[name]; ok {
		s.Unusual = &shownUnusual{o.Outside, o.Point, o.Value, o.Low, o.High, o.reason(points)}
	}
	return s
}

// serve writes the answer. A browser may take writeTimeout for each 64 KiB.
func (l *episodeList) serve(w http.ResponseWriter, format string, writeTimeout time.Duration) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	out := bufio.NewWriterSize(&timedWriter{w, http.NewResponseController(w), writeTimeout}, chunkBytes)
	if format == "csv" {
		h.Set("Content-Type", "text/csv; charset=utf-8")
		h.Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", string(l.Profile)+"-episodes.csv"))
		l.writeCSV(out)
	} else {
		h.Set("Content-Type", "application/json")
		l.writeJSON(out)
	}
	_ = out.Flush()
}

// A timedWriter gives each 64 KiB a time-out of its own.
type timedWriter struct {
	w       io.Writer
	control *http.ResponseController
	timeout time.Duration
}

func (t *timedWriter) Write(data []byte) (int, error) {
	n := 0
	for piece := range slices.Chunk(data, chunkBytes) {
		_ = t.control.SetWriteDeadline(time.Now().Add(t.timeout))
		written, err := t.w.Write(piece)
		n += written
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// writeJSON writes the answer as one object, an episode at a time: a browser that reads slowly costs no memory for the rest.
func (l *episodeList) writeJSON(w *bufio.Writer) {
	head := *l
	head.Episodes = []shownEpisode{}
	data, err := json.Marshal(head)
	if err != nil {
		return // the phases are valid JSON, so this does not happen
	}
	_, _ = w.Write(bytes.TrimSuffix(data, []byte("]}"))) // Flush has the error, of a browser that has left
	for i, e := range l.Episodes {
		data, err := json.Marshal(e)
		if err != nil {
			return
		}
		if i > 0 {
			_ = w.WriteByte(',')
		}
		if _, err := w.Write(data); err != nil {
			return
		}
	}
	_, _ = w.WriteString("]}\n")
}

// writeCSV writes one line for each episode (RFC 4180). A gap is an empty cell.
func (l *episodeList) writeCSV(w io.Writer) {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	head := []string{"host", "episode", "looks_like", "unusual"}
	for _, kind := range fit.QualityKinds() {
		head = append(head, string(kind))
	}
	for _, span := range (fit.Points{}).Spans() {
		head = append(head, "seconds_"+span.Name)
	}
	for i := range l.points {
		head = append(head, "point_"+strconv.Itoa(i+1))
	}
	_ = out.Write(head) // Flush has the error, of a browser that has left
	for _, e := range l.Episodes {
		_ = out.Write(e.cells(len(head)))
	}
	out.Flush()
}

func (e shownEpisode) cells(n int) []string {
	reason := ""
	if e.Unusual != nil {
		reason = e.Unusual.Reason
	}
	line := make([]string, 0, n)
	for _, text := range []string{e.Host, e.Episode, e.LooksLike, reason} {
		line = append(line, plain.Cell(text))
	}
	for _, v := range e.quality.Values() {
		line = append(line, strconv.FormatFloat(float64(v), 'g', -1, 32))
	}
	for _, v := range e.Seconds {
		line = append(line, strconv.FormatFloat(float64(v), 'g', -1, 32))
	}
	for _, v := range e.Curve {
		if v != v {
			line = append(line, "")
		} else {
			line = append(line, strconv.FormatFloat(v, 'g', -1, 64))
		}
	}
	return line
}
