package dashboard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/logkey"
	"github.com/cis490/profiles/internal/plain"
)

const (
	// episodesTimeout is how long a request for the episodes of a profile waits for NATS.
	episodesTimeout = 10 * time.Second
	// maxEpisodes and maxEpisodeValues bound the answer: how many episodes it has, and how many values their curves have together.
	maxEpisodes      = 500
	maxEpisodeValues = 200_000
	// minUnusual is how many episodes a sample must have for an episode to be called unusual. Of fewer, too many leave the usual
	// range by chance (docs/SIGNATURES.md).
	minUnusual = 20
)

// A shownProfile has the keys of an attack_profile event that say where its episodes are.
type shownProfile struct {
	Generation  string          `json:"generation"`
	Digest      fit.Digest      `json:"digest"`
	Target      int             `json:"target"`
	Incarnation string          `json:"life"` // only events of streamers have one
	Curve       []float64       `json:"curve"`
	Channel     string          `json:"channel"`
	Unit        string          `json:"unit"`
	Phases      json.RawMessage `json:"phases"`
}

// An unusual says where an episode leaves the usual range of its sample: an outlier of an attack_signature event.
type unusual struct {
	Host    string   `json:"host"`
	Episode string   `json:"episode"`
	Outside int      `json:"outside"` // points outside of the range
	Point   int      `json:"point"`   // where it is farthest outside, from 0
	Value   *float64 `json:"value"`   // of the episode at that point
	Low     *float64 `json:"low"`     // the range at that point
	High    *float64 `json:"high"`
}

// reason describes it in one sentence, as the page does.
func (u unusual) reason(points int) string {
	text := fmt.Sprintf("outside of the usual range at %d of %d points", u.Outside, points)
	if u.Value == nil || u.Low == nil || u.High == nil {
		return text
	}
	side, bound := "above", *u.High
	if *u.Value < *u.Low {
		side, bound = "below", *u.Low
	}
	return fmt.Sprintf("%s, farthest at point %d: %.4g is %s %.4g", text, u.Point+1, *u.Value, side, bound)
}

type episodeName struct{ host, episode string }

// marks say which episodes of a profile are suspects, and which are unusual.
type marks struct {
	looksLike map[episodeName]string
	unusual   map[episodeName]unusual
}

func (m marks) has(e fit.Entry) bool {
	name := episodeName{e.Host, e.Episode}
	_, outlier := m.unusual[name]
	return outlier || m.looksLike[name] != ""
}

// serveEpisodes is GET api/profiles/{name}/episodes: the sample of a profile, as JSON or CSV.
func (d *Dashboard) serveEpisodes(w http.ResponseWriter, r *http.Request) {
	format := r.URL.Query().Get("format")
	if format != "" && format != "json" && format != "csv" {
		http.Error(w, "format must be json or csv", http.StatusBadRequest)
		return
	}
	list, refused := d.episodes(r.Context(), r.PathValue("name"))
	if refused != nil {
		if refused.status == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", "5")
		}
		http.Error(w, refused.message, refused.status)
		return
	}
	list.serve(w, format, d.cfg.WriteTimeout)
}

// episodes returns the sample of a profile that the last event of the profile shows, or that the bucket has now.
func (d *Dashboard) episodes(ctx context.Context, name string) (*episodeList, *refusal) {
	if d.shared.snapshot().id == 0 {
		return nil, unavailable("the events are not read yet: waiting for NATS")
	}
	wanted, shown, refused := d.wantedSample(name)
	if refused != nil {
		return nil, refused
	}
	if !d.deps.Bus.Connected() {
		return nil, unavailable("NATS is not reachable: ask again later")
	}
	ctx, cancel := context.WithTimeout(ctx, episodesTimeout)
	defer cancel()
	sample, err := d.samples.get(ctx, wanted)
	if err != nil {
		return nil, d.unreadable(wanted, err)
	}
	return newEpisodeList(wanted, shown, sample, d.marks(name, len(sample.members))), nil
}

func unavailable(message string) *refusal {
	return &refusal{status: http.StatusServiceUnavailable, message: message}
}

// wantedSample returns the sample that the last event of a profile shows.
func (d *Dashboard) wantedSample(name string) (wantedSample, shownProfile, *refusal) {
	missing := func(format string) (wantedSample, shownProfile, *refusal) {
		return wantedSample{}, shownProfile{}, &refusal{status: http.StatusNotFound, message: fmt.Sprintf(format, plain.Name(name))}
	}
	var shown shownProfile
	e := d.shared.lastOf(events.Subject(events.TypeAttackProfile, name))
	if e == nil || json.Unmarshal(e.data, &shown) != nil {
		return missing("there is no profile %s")
	}
	generation, err := fit.ParseGeneration(shown.Generation)
	profile, badName := fit.ParseProfileName(name)
	if shown.Incarnation == "" || err != nil || badName != nil || len(shown.Curve) == 0 {
		return missing("the episodes of %s are not known: its event does not come from a streamer")
	}
	return wantedSample{generation, profile, shown.Target, len(shown.Curve), shown.Digest}, shown, nil
}

// unreadable says why a sample could not be read, and logs it unless the browser has left.
func (d *Dashboard) unreadable(wanted wantedSample, err error) *refusal {
	if !errors.Is(err, context.Canceled) {
		d.warnEpisodes.Do(func() {
			d.deps.Log.Warn("read the episodes of a profile", logkey.Profile, wanted.profile, logkey.Err, err)
		})
	}
	switch {
	case errors.Is(err, client.ErrDenied):
		return unavailable("this dashboard may not read the episodes of profiles: its role in NATS lacks the right \"read samples\"; " +
			"make accounts.conf again with profiles credentials, and let the NATS servers reload it")
	case errors.Is(err, bus.ErrSampleTooLarge):
		return &refusal{status: http.StatusInsufficientStorage,
			message: fmt.Sprintf("the entries of %s take more than %d MiB, which is more than a dashboard reads", wanted.profile, maxSampleBytes>>20)}
	}
	return unavailable("NATS did not send the episodes in time: ask again later")
}

// marks returns the marks of a profile's episodes, from the last events of the streamer.
func (d *Dashboard) marks(name string, members int) marks {
	m := marks{map[episodeName]string{}, map[episodeName]unusual{}}
	var signature struct {
		Outliers []unusual `json:"outliers"`
	}
	var suspects struct {
		Episodes []bus.Suspect `json:"episodes"`
	}
	last := func(kind string, into any) bool {
		e := d.shared.lastOf(events.Subject(kind, name))
		return e != nil && json.Unmarshal(e.data, into) == nil
	}
	if members >= minUnusual && last(events.TypeAttackSignature, &signature) {
		for _, o := range signature.Outliers {
			m.unusual[episodeName{o.Host, o.Episode}] = o
		}
	}
	if last(events.TypeSuspects, &suspects) {
		for _, s := range suspects.Episodes {
			m.looksLike[episodeName{s.Host, s.Episode}] = string(s.Said)
		}
	}
	return m
}
