package roles

import (
	"slices"
	"strings"

	"github.com/cis490/profiles/bus"
)

// All returns every role, in the order of the table.
func All() []Role {
	return []Role{
		{"receiver", "receivers that accept episodes", Profiles, []Grant{accept}},
		{"receiver-retract", "receivers that take back, too", Profiles, []Grant{accept, retract}},
		{"receiver-upload", "receivers that store archives in NATS", Profiles, []Grant{accept, upload}},
		{"receiver-retract-upload", "receivers that do both", Profiles, []Grant{accept, retract, upload}},
		{"emitter", "`profiles emit`, with all its flags", Profiles,
			[]Grant{accept, retract, upload, account, look, readLog, readRejected, readSpecs, readCurves}},
		{"worker", "profile-worker", Profiles,
			[]Grant{look, readLog, readEnvelopes, readArchives, readSignatures, followSpecs, followCurves, register, align, reduce}},
		{"streamer", "profile-streamer, `profiles stream`", Profiles,
			[]Grant{account, look, readLag, readEnvelopes, readSignatures, followSpecs, followEnvelopes, followSignatures, show}},
		{"dashboard", "profile-dashboard, `/publish` included", Profiles,
			[]Grant{look, readEvents, followEvents, show}},
		{"viewer", "`profiles status`, `profiles export`, subscribers of events", Profiles,
			[]Grant{account, look, readLag, readRejected, readSuspects, readSpecs, readCurves, readEnvelopes, readSignatures, readEvents, hear}},
		{"operator", "`profiles topology`, `profiles gc`, and all that a viewer may", Profiles,
			[]Grant{account, look, readLog, readLag, readRejected, readSuspects, readSpecs, readCurves, readEnvelopes, readSignatures, readEvents, hear, register, administer, weigh}},
		{"system", "who looks after the servers: `nats server report`", System, []Grant{serve}},
	}
}

// Every grant, once. A `*` stands for a generation, a profile, a rank, a
// consumer's name: NATS knows no part of a token.
var (
	accept  = Grant{Name: "accept", What: "accept episodes", Publish: []string{bus.SubjectAccepted}}
	retract = Grant{Name: "retract", What: "take episodes back", Publish: []string{bus.SubjectRetracted}}
	upload  = Grant{Name: "upload", What: "store archives, replace them, remove what is replaced",
		Publish: []string{
			"$O." + bus.ArchivesBucket + ".C.*", "$O." + bus.ArchivesBucket + ".M.*",
			api("STREAM.INFO." + archives), api("STREAM.MSG.GET." + archives), api("STREAM.PURGE." + archives),
			api("DIRECT.GET." + archives + ".$O." + bus.ArchivesBucket + ".M.*"),
		}}

	account = Grant{Name: "account", What: "ask whether JetStream is there", Publish: []string{api("INFO")}}
	look    = Grant{Name: "look", What: "see that the streams are there, and how long they are", Publish: each("STREAM.INFO.%", streams)}

	readLog        = read("read log", "read the episode log", bus.EpisodesStream)
	readRejected   = read("read rejected", "read what was rejected", bus.RejectedStream)
	readSuspects   = read("read suspects", "read which episodes are suspect", bus.SuspectsStream)
	readSpecs      = read("read specs", "read specs", specs)
	readCurves     = read("read curves", "read the entries of episodes", curves)
	readArchives   = read("read archives", "read archives", archives)
	readSignatures = read("read signatures", "read signatures", signatures)
	readEnvelopes  = Grant{Name: "read envelopes", What: "read envelopes", Publish: []string{
		api("DIRECT.GET." + envelopes + "." + key(bus.EnvelopesBucket, "*", "*")),
	}}
	readEvents = Grant{Name: "read events", What: "read the last events", Publish: []string{
		api("DIRECT.GET." + bus.DashboardStream + ".dashboard.>"), api("STREAM.MSG.GET." + bus.DashboardStream),
	}}
	readLag = Grant{Name: "read lag", What: "see how far the workers are", Publish: []string{
		api("CONSUMER.INFO." + bus.EpisodesStream + ".*"), api("CONSUMER.INFO." + curves + ".*"),
	}}
	hear = Grant{Name: "hear", What: "subscribe to events", Subscribe: []string{"dashboard.>"}}

	followSpecs      = follow("follow specs", specs, key(bus.SpecsBucket, ">"))
	followCurves     = follow("follow curves", curves, key(bus.CurvesBucket, "*", ">"))
	followEnvelopes  = follow("follow envelopes", envelopes, key(bus.EnvelopesBucket, ">"))
	followSignatures = follow("follow signatures", signatures, key(bus.SignaturesBucket, ">"))
	followEvents     = Grant{Name: "follow events", What: "follow stream " + bus.DashboardStream, Publish: []string{
		api("CONSUMER.CREATE." + bus.DashboardStream + ".*.dashboard.>"),
		api("CONSUMER.MSG.NEXT." + bus.DashboardStream + ".*"),
		api("CONSUMER.DELETE." + bus.DashboardStream + ".*"),
	}}

	register = Grant{Name: "register", What: "make a spec's generation known, and its two consumers", Publish: []string{
		key(bus.SpecsBucket, "*"), api("DIRECT.GET." + specs + "." + key(bus.SpecsBucket, "*")), api("STREAM.MSG.GET." + specs),
		api("CONSUMER.CREATE." + bus.EpisodesStream + ".*"),
		api("CONSUMER.CREATE." + curves + ".*." + key(bus.CurvesBucket, "*", ">")),
		api("CONSUMER.INFO." + bus.EpisodesStream + ".*"), api("CONSUMER.INFO." + curves + ".*"),
	}}
	align = Grant{Name: "align", What: "take episodes from the log, write entries, reject, tell of suspects, mark attempts", Publish: []string{
		api("CONSUMER.MSG.NEXT." + bus.EpisodesStream + ".*"),
		"$JS.ACK." + bus.EpisodesStream + ".>",
		key(bus.CurvesBucket, "*", "*", "*"), api("STREAM.MSG.GET." + curves),
		"episode.rejected.*", "episode.suspect.*",
		key(bus.AttemptsBucket, "*", "*"), api("DIRECT.GET." + attempts + "." + key(bus.AttemptsBucket, "*", "*")), api("STREAM.MSG.GET." + attempts),
	}}
	reduce = Grant{Name: "reduce", What: "take puts, write envelopes and signatures", Publish: []string{
		api("CONSUMER.MSG.NEXT." + curves + ".*"),
		"$JS.ACK." + curves + ".>",
		key(bus.EnvelopesBucket, "*", "*"), api("STREAM.MSG.GET." + envelopes),
		key(bus.SignaturesBucket, "*", "*", "*"), api("DIRECT.GET." + signatures + "." + key(bus.SignaturesBucket, "*", "*", "*")),
	}}
	show = Grant{Name: "show", What: "publish events", Publish: []string{
		"dashboard.*.*", api("DIRECT.GET." + bus.DashboardStream + ".dashboard.*.*"), api("STREAM.MSG.GET." + bus.DashboardStream),
	}}

	administer = Grant{Name: "administer", What: "make, change, purge and delete the project's streams and consumers",
		Publish: slices.Concat(
			[]string{api("STREAM.NAMES"), api("STREAM.LIST"), api("STREAM.INFO." + archives)},
			each("STREAM.CREATE.%", everything), each("STREAM.UPDATE.%", everything), each("STREAM.DELETE.%", everything), each("STREAM.PURGE.%", everything),
			each("CONSUMER.CREATE.%.>", everything), each("CONSUMER.INFO.%.*", everything), each("CONSUMER.DELETE.%.*", everything),
			each("CONSUMER.NAMES.%", everything), each("CONSUMER.LIST.%", everything),
		)}
	weigh = Grant{Name: "weigh", What: "see what generations hold, and which are shown", Publish: []string{
		api("STREAM.MSG.GET." + envelopes), api("DIRECT.GET." + envelopes),
		api("DIRECT.GET." + bus.DashboardStream),
	}}
	serve = Grant{Name: "serve", What: "everything in the account " + System + ", nothing in " + Profiles,
		Publish: []string{">"}, Subscribe: []string{">"}}
)

// Streams under buckets, and all together.
const (
	specs      = "KV_" + bus.SpecsBucket
	curves     = "KV_" + bus.CurvesBucket
	envelopes  = "KV_" + bus.EnvelopesBucket
	signatures = "KV_" + bus.SignaturesBucket
	attempts   = "KV_" + bus.AttemptsBucket
	archives   = "OBJ_" + bus.ArchivesBucket
)

var (
	streams    = []string{bus.EpisodesStream, bus.RejectedStream, bus.SuspectsStream, bus.DashboardStream, specs, curves, envelopes, signatures, attempts}
	everything = append(slices.Clone(streams), archives)
)

// api is the subject of a call of the JetStream API.
func api(call string) string { return "$JS.API." + call }

// each is one call about each of several streams, which stand for %.
func each(call string, streams []string) []string {
	var all []string
	for _, s := range streams {
		all = append(all, api(strings.ReplaceAll(call, "%", s)))
	}
	return all
}

// key is the subject of a bucket's key.
func key(bucket string, tokens ...string) string {
	return "$KV." + bucket + "." + strings.Join(tokens, ".")
}

// read is the right to read a stream's messages, without a consumer: it changes
// nothing.
func read(name, what, stream string) Grant {
	return Grant{Name: name, What: what, Publish: []string{
		api("STREAM.MSG.GET." + stream), api("DIRECT.GET." + stream),
	}}
}

// follow is the right to watch keys of a bucket: a consumer of one's own, which
// the server pushes from and the client answers to.
func follow(name, stream, filter string) Grant {
	return Grant{Name: name, What: "follow bucket " + strings.TrimPrefix(stream, "KV_"), Publish: []string{
		api("CONSUMER.CREATE." + stream + ".*." + filter),
		api("CONSUMER.DELETE." + stream + ".*"),
		"$JS.FC." + stream + ".>",
	}}
}
