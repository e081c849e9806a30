package worker

import (
	"log/slog"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/cis490/profiles/bus/settings"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/otherclock"
)

// Outcomes of an episode's message, as label values.
const (
	outcomeCurve        = "curve"         // a curve was written
	outcomeUnusable     = "unusable"      // the archive is fine but gives no curve
	outcomeRejected     = "rejected"      // filed under REJECTED
	outcomeSkipped      = "skipped"       // above the threshold: the archive was not opened
	outcomeSeen         = "seen"          // its entry is of this message or a later one
	outcomeTakenBack    = "taken_back"    // the log retracts it later
	outcomeRetracted    = "retracted"     // a retraction was written
	outcomeOtherProfile = "other_profile" // the spec does not name its profile
)

var outcomes = []string{outcomeCurve, outcomeUnusable, outcomeRejected, outcomeSkipped, outcomeSeen, outcomeTakenBack, outcomeRetracted, outcomeOtherProfile}

// States of a recording whose archive was read, as label values.
const (
	recordingGood     = "good"
	recordingSloppy   = "sloppy"   // a curve, but something is wrong with the recording
	recordingUnusable = "unusable" // no curve
)

var recordingStates = []string{recordingGood, recordingSloppy, recordingUnusable}

// otherReason is the label of reasons that this version does not know.
const otherReason = "other"

// Outcomes of a signature, as label values.
const (
	outcomeWritten = "written"
	outcomeLate    = "late"   // a later one was there, or was being written
	outcomeFailed  = "failed" // tried again at the next comparison
)

type metrics struct {
	episodes      *prometheus.CounterVec
	opened        prometheus.Counter
	redeliveries  prometheus.Counter
	align         prometheus.Histogram
	reduce        prometheus.Histogram
	latency       prometheus.Histogram
	accepted      *otherclock.Clock // of accepted_at
	updated       *otherclock.Clock // of envelopes that other workers wrote
	used          *prometheus.GaugeVec
	attempted     *prometheus.GaugeVec
	kept          *prometheus.GaugeVec
	recordings    *prometheus.CounterVec
	reasons       *prometheus.GaugeVec
	quality       *prometheus.GaugeVec
	mended        prometheus.Counter
	sessions      prometheus.Counter
	rejected      *prometheus.CounterVec
	unanswered    prometheus.Counter
	pending       *prometheus.GaugeVec
	unacked       *prometheus.GaugeVec
	streamBytes   *prometheus.GaugeVec
	streamLimit   *prometheus.GaugeVec
	replicas      *prometheus.GaugeVec
	current       *prometheus.GaugeVec
	generation    *prometheus.GaugeVec
	wrongSettings *prometheus.GaugeVec
	signatures    *prometheus.CounterVec
	signatureTime prometheus.Histogram
	signatureLag  *prometheus.GaugeVec
	suspects      *prometheus.CounterVec
	suspected     *prometheus.GaugeVec
	measured      prometheus.Gauge
	modelsChecked prometheus.Gauge
}

func newMetrics(r prometheus.Registerer, log *slog.Logger, profiles []fit.Profile, settingsMended func() uint64) *metrics {
	f := promauto.With(r)
	fast := prometheus.ExponentialBuckets(0.0001, 2, 18) // 0.1 ms to 13 s
	m := &metrics{
		episodes: f.NewCounterVec(prometheus.CounterOpts{Name: "profiles_episodes_total",
			Help: "Messages of the episode log that were handled, by outcome."}, []string{"outcome"}),
		opened: f.NewCounter(prometheus.CounterOpts{Name: "profiles_archives_opened_total",
			Help: "Archives that were opened."}),
		redeliveries: f.NewCounter(prometheus.CounterOpts{Name: "profiles_redeliveries_total",
			Help: "Messages of the episode log that had been delivered before."}),
		align: f.NewHistogram(prometheus.HistogramOpts{Name: "profiles_align_seconds", Buckets: fast,
			Help: "Time to read an archive and align its curve."}),
		reduce: f.NewHistogram(prometheus.HistogramOpts{Name: "profiles_reduce_seconds", Buckets: fast,
			Help: "Time to compute and write one profile's envelope."}),
		latency: f.NewHistogram(prometheus.HistogramOpts{Name: "profiles_accepted_to_envelope_seconds", Buckets: fast,
			Help: "Time from accepted_at to the envelope with the episode, of episodes that were accepted since the generation began; by the clocks of two machines."}),
		accepted: otherclock.New(r, log, "accepted_to_envelope", "that of a program that publishes episode.accepted"),
		updated:  otherclock.New(r, log, "envelope_to_signature", "another worker's"),
		used: f.NewGaugeVec(prometheus.GaugeOpts{Name: "profiles_sample_used",
			Help: "Episodes in a profile's sample."}, []string{"profile"}),
		attempted: f.NewGaugeVec(prometheus.GaugeOpts{Name: "profiles_sample_attempted",
			Help: "Episodes in a profile's sample, and episodes that would be in it if they gave a curve."}, []string{"profile"}),
		kept: f.NewGaugeVec(prometheus.GaugeOpts{Name: "profiles_sample_entries",
			Help: "Entries that are stored of a profile."}, []string{"profile"}),
		recordings: f.NewCounterVec(prometheus.CounterOpts{Name: "profiles_recordings_total",
			Help: "Archives that were read, by state of the recording: good, sloppy, unusable."}, []string{"profile", "state"}),
		reasons: f.NewGaugeVec(prometheus.GaugeOpts{Name: "profiles_sample_reasons",
			Help: "Episodes that a profile's sample attempts and that give no curve, by reason."}, []string{"profile", "reason"}),
		quality: f.NewGaugeVec(prometheus.GaugeOpts{Name: "profiles_sample_quality_episodes",
			Help: "Members of a profile's sample whose recordings are sloppy, by kind."}, []string{"profile", "kind"}),
		mended: f.NewCounter(prometheus.CounterOpts{Name: "profiles_envelopes_mended_total",
			Help: "Envelopes that the regular comparison wrote because the stored ones differed; some of them were being written at that moment."}),
		sessions: f.NewCounter(prometheus.CounterOpts{Name: "profiles_worker_sessions_total",
			Help: "Sessions of the worker, each with new views: at the start, after a new epoch, after NATS was lost or restored."}),
		rejected: f.NewCounterVec(prometheus.CounterOpts{Name: "profiles_rejected_total",
			Help: "Messages that were filed under REJECTED, by reason: malformed, corrupt, too_large, missing, fatal."}, []string{"reason"}),
		unanswered: f.NewCounter(prometheus.CounterOpts{Name: "profiles_store_unanswered_total",
			Help: "Tries to read an archive that ended because the store did not give it: it refused, or did not answer."}),
		pending: f.NewGaugeVec(prometheus.GaugeOpts{Name: "profiles_consumer_pending",
			Help: "Messages that the generation's consumer has not delivered yet; the same at each of its workers; updated every CHECK_EVERY."}, []string{"consumer"}),
		unacked: f.NewGaugeVec(prometheus.GaugeOpts{Name: "profiles_consumer_unacked",
			Help: "Messages delivered to the generation's workers and not acknowledged; the same at each of its workers; updated every CHECK_EVERY."}, []string{"consumer"}),
		streamBytes: f.NewGaugeVec(prometheus.GaugeOpts{Name: "profiles_stream_bytes",
			Help: "Bytes of one copy of a stream; updated every CHECK_EVERY."}, []string{"stream"}),
		streamLimit: f.NewGaugeVec(prometheus.GaugeOpts{Name: "profiles_stream_limit_bytes",
			Help: "Most bytes that one copy of a stream may have; absent for a stream without a limit; updated every CHECK_EVERY."}, []string{"stream"}),
		replicas: f.NewGaugeVec(prometheus.GaugeOpts{Name: "profiles_stream_replicas",
			Help: "Servers of NATS that should have a copy of a stream; updated every CHECK_EVERY."}, []string{"stream"}),
		current: f.NewGaugeVec(prometheus.GaugeOpts{Name: "profiles_stream_replicas_current",
			Help: "Servers of NATS whose copy of a stream is complete; updated every CHECK_EVERY."}, []string{"stream"}),
		generation: f.NewGaugeVec(prometheus.GaugeOpts{Name: "profiles_worker_generation_info",
			Help: "1 for the generation that the worker works on."}, []string{"generation", "epoch", "revision"}),
		wrongSettings: f.NewGaugeVec(prometheus.GaugeOpts{Name: "profiles_setting_wrong",
			Help: "1 for each setting of a stream or of the generation's consumers that is wrong and that the worker does not mend; updated every CHECK_EVERY."}, []string{"stream", "consumer", "setting"}),
		signatures: f.NewCounterVec(prometheus.CounterOpts{Name: "profiles_signatures_total",
			Help: "Signatures that were computed, by outcome: written, late, failed."}, []string{"outcome"}),
		signatureTime: f.NewHistogram(prometheus.HistogramOpts{Name: "profiles_sign_seconds", Buckets: fast,
			Help: "Time to compute and write one profile's signature."}),
		signatureLag: f.NewGaugeVec(prometheus.GaugeOpts{Name: "profiles_signature_lag_seconds",
			Help: "Time for which a profile's signature has been older than its envelope, 0 where it is not; updated every CHECK_EVERY."}, []string{"profile"}),
		suspects: f.NewCounterVec(prometheus.CounterOpts{Name: "profiles_suspects_total",
			Help: "Suspect episodes that were reported, by the profile that they were accepted for; one may be reported again."}, []string{"profile"}),
		suspected: f.NewGaugeVec(prometheus.GaugeOpts{Name: "profiles_sample_suspects",
			Help: "Suspects among those members of a profile's sample that are in the models."}, []string{"profile"}),
		measured: f.NewGauge(prometheus.GaugeOpts{Name: "profiles_models_measured_timestamp_seconds",
			Help: "When the present scores of the models were measured; 0 where there are none."}),
		modelsChecked: f.NewGauge(prometheus.GaugeOpts{Name: "profiles_models_current_timestamp_seconds",
			Help: "When the worker last found that the scores are those of its samples, or updated them; 0 where the spec has no signature."}),
	}
	// Create the labels at the start: rate() misses the first increment of a counter.
	for _, outcome := range outcomes {
		m.episodes.WithLabelValues(outcome)
	}
	for _, reason := range fit.Reasons() {
		if reason.Rejected() {
			m.rejected.WithLabelValues(string(reason))
		}
	}
	f.NewCounterFunc(prometheus.CounterOpts{Name: "profiles_settings_mended_total",
		Help: "Settings of streams and consumers that were wrong and that the worker mended."},
		func() float64 { return float64(settingsMended()) })
	for _, outcome := range []string{outcomeWritten, outcomeLate, outcomeFailed} {
		m.signatures.WithLabelValues(outcome)
	}
	for _, p := range profiles {
		m.suspects.WithLabelValues(string(p.Name))
		for _, state := range recordingStates {
			m.recordings.WithLabelValues(string(p.Name), state)
		}
	}
	return m
}

// countRecording counts an archive that was read, by what its entry says about the recording.
func (m *metrics) countRecording(p fit.ProfileName, e fit.Entry) {
	state := recordingGood
	switch {
	case e.State == fit.StateReason:
		state = recordingUnusable
	case e.Quality.Sloppy():
		state = recordingSloppy
	}
	m.recordings.WithLabelValues(string(p), state).Inc()
}

// showSettings shows the settings that are wrong.
func (m *metrics) showSettings(wrong []settings.Wrong) {
	m.wrongSettings.Reset()
	for _, w := range wrong {
		kind, _, _ := strings.Cut(w.Consumer, "-") // without the generation
		m.wrongSettings.WithLabelValues(w.Stream, kind, w.Setting).Set(1)
	}
}

// count counts the outcome of an episode's message.
func (m *metrics) count(outcome string) { m.episodes.WithLabelValues(outcome).Inc() }
