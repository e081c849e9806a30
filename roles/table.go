package roles

import (
	"slices"
	"strings"

	"github.com/cis490/profiles/bus"
)

// All returns every role, in the order of the table. The caller owns the slice.
func All() []Role {
	// The grants of every reader of the state of the system.
	state := []Grant{
		jetStreamInfo, seeStreams, seeArchives, readLag, readLog, readRejected, readSuspects, readSpecs, readCurves, readEnvelopes, readSignatures,
		readEvents, subscribeEvents,
	}
	return []Role{
		{"receiver", "receivers that accept episodes", "RECEIVER",
			[]Grant{accept}},
		{"receiver-retract", "receivers that also retract", "RECEIVER_RETRACT",
			[]Grant{accept, retract}},
		{"receiver-upload", "receivers that store archives in NATS", "RECEIVER_UPLOAD",
			[]Grant{accept, upload}},
		{"receiver-retract-upload", "receivers that do both", "RECEIVER_RETRACT_UPLOAD",
			[]Grant{accept, retract, upload}},
		{"emitter", "`profiles emit`, with all its flags", "EMITTER",
			[]Grant{accept, retract, fillLog, upload, jetStreamInfo, seeStreams, readLog, readRejected, readSpecs, readCurves}},
		{"worker", "profile-worker", Profiles,
			[]Grant{seeStreams, seeArchives, readLog, readEnvelopes, readArchives, readSignatures, followSpecs, followCurves, register, align, reduce, askAsBefore}},
		{"streamer", "profile-streamer, `profiles stream`", Profiles,
			[]Grant{jetStreamInfo, seeStreams, readLag, readEnvelopes, readSignatures, followSpecs, followEnvelopes, followSignatures, readEvents, publishEvents, askAsBefore}},
		{"dashboard", "profile-dashboard, with `/publish`", "DASHBOARD",
			[]Grant{seeStreams, readEvents, readSamples, subscribeEvents, publishEvents}},
		{"viewer", "`profiles status`, `profiles export`, subscribers of events", "VIEWER",
			state},
		{"operator", "`profiles topology`, `profiles gc`, and all that a viewer may do", Profiles,
			append(slices.Clone(state), register, administer)},
		{"system", "operators of the servers: `nats server report`", System,
			[]Grant{administerServers}},
	}
}

// The grants. In a subject `*` is a generation, a profile, a rank or the name of a
// consumer: a wildcard in NATS is always a whole token.
var (
	accept  = Grant{Name: "accept", What: "accept episodes", Publish: []string{bus.SubjectAccepted}}
	retract = Grant{Name: "retract", What: "retract episodes", Publish: []string{bus.SubjectRetracted}}
	fillLog = Grant{Name: "fill log", What: "note that the log has everything again after it had lost messages", Publish: []string{key(bus.SpecsBucket, bus.LogKey)}}
	upload  = Grant{Name: "upload", What: "store archives, replace them, remove what they replace",
		Publish: []string{
			"$O." + bus.ArchivesBucket + ".C.*", "$O." + bus.ArchivesBucket + ".M.*",
			api("STREAM.INFO." + archives), api("STREAM.MSG.GET." + archives), api("STREAM.PURGE." + archives),
			api("DIRECT.GET." + archives + ".$O." + bus.ArchivesBucket + ".M.*"), // as the NATS library asks
		}}

	jetStreamInfo = Grant{Name: "jetstream info", What: "ask whether JetStream is enabled", Publish: []string{api("INFO")}}
	seeArchives   = Grant{Name: "see archives", What: "see the settings of the bucket of archives", Publish: []string{api("STREAM.INFO." + archives)}}
	seeStreams    = Grant{Name: "see streams", What: "see which streams exist, and their sizes", Publish: each("STREAM.INFO.%", streams)}

	readLog      = read("read log", "read the episode log", bus.EpisodesStream)
	readRejected = read("read rejected", "read the rejected messages", bus.RejectedStream)
	readSuspects = read("read suspects", "read which episodes are suspects", bus.SuspectsStream)
	readSpecs    = read("read specs", "read specs", specs)
	readCurves   = read("read curves", "read the entries of episodes", curves)
	// For the detail view of a dashboard. Any server may answer, so it costs the leader of the stream nothing.
	readSamples    = Grant{Name: "read samples", What: "read the entries of episodes by batches of direct gets", Publish: []string{api("DIRECT.GET." + curves)}}
	readArchives   = read("read archives", "read archives", archives)
	readSignatures = read("read signatures", "read signatures", signatures)
	readEnvelopes  = read("read envelopes", "read envelopes", envelopes)
	readEvents     = read("read events", "read the last events", bus.DashboardStream)
	readLag        = Grant{Name: "read lag", What: "see how many messages wait for the workers", Publish: []string{
		api("CONSUMER.INFO." + bus.EpisodesStream + ".*"), api("CONSUMER.INFO." + curves + ".*"),
	}}
	subscribeEvents = Grant{Name: "subscribe events", What: "subscribe to events", Subscribe: []string{"dashboard.>"}}

	followSpecs      = follow("follow specs", specs, key(bus.SpecsBucket, ">"))
	followCurves     = follow("follow curves", curves, key(bus.CurvesBucket, "*", ">"))
	followEnvelopes  = follow("follow envelopes", envelopes, key(bus.EnvelopesBucket, ">"))
	followSignatures = follow("follow signatures", signatures, key(bus.SignaturesBucket, ">"))

	register = Grant{Name: "register", What: "register a spec's generation and make its two consumers", Publish: []string{
		key(bus.SpecsBucket, "*"), api("DIRECT.GET." + specs), api("STREAM.MSG.GET." + specs),
		api("CONSUMER.CREATE." + bus.EpisodesStream + ".*"),
		api("CONSUMER.CREATE." + curves + ".*." + key(bus.CurvesBucket, "*", ">")),
		api("CONSUMER.INFO." + bus.EpisodesStream + ".*"), api("CONSUMER.INFO." + curves + ".*"),
	}}
	align = Grant{Name: "align", What: "take episodes from the log, write entries, reject, report suspects, mark attempts", Publish: []string{
		api("CONSUMER.MSG.NEXT." + bus.EpisodesStream + ".*"),
		"$JS.ACK." + bus.EpisodesStream + ".>",
		key(bus.CurvesBucket, "*", "*", "*"), api("STREAM.MSG.GET." + curves),
		"episode.rejected.*", "episode.suspect.*",
		key(bus.AttemptsBucket, "*", "*"), api("DIRECT.GET." + attempts), api("STREAM.MSG.GET." + attempts),
	}}
	reduce = Grant{Name: "reduce", What: "take puts, write envelopes and signatures", Publish: []string{
		api("CONSUMER.MSG.NEXT." + curves + ".*"),
		"$JS.ACK." + curves + ".>",
		key(bus.EnvelopesBucket, "*", "*"), api("STREAM.MSG.GET." + envelopes),
		key(bus.SignaturesBucket, "*", "*", "*"), api("DIRECT.GET." + signatures),
	}}
	publishEvents = Grant{Name: "publish events", What: "publish events", Publish: []string{"dashboard.*.*"}}
	// Workers and streamers of earlier versions must go on while a system is upgraded.
	askAsBefore = Grant{Name: "ask as before", What: "read the last message of a subject as earlier versions do", Publish: []string{
		api("DIRECT.GET." + specs + "." + key(bus.SpecsBucket, "*")),
		api("DIRECT.GET." + envelopes + "." + key(bus.EnvelopesBucket, "*", "*")),
		api("DIRECT.GET." + signatures + "." + key(bus.SignaturesBucket, "*", "*", "*")),
		api("DIRECT.GET." + attempts + "." + key(bus.AttemptsBucket, "*", "*")),
		api("DIRECT.GET." + bus.DashboardStream + ".dashboard.*.*"),
	}}

	administer = Grant{Name: "administer", What: "make, change, purge and delete the project's streams and consumers",
		Publish: slices.Concat(
			[]string{api("STREAM.NAMES"), api("STREAM.LIST"), api("STREAM.INFO." + archives)},
			each("STREAM.CREATE.%", streamsAndArchives), each("STREAM.UPDATE.%", streamsAndArchives),
			each("STREAM.DELETE.%", streamsAndArchives), each("STREAM.PURGE.%", streamsAndArchives),
			each("CONSUMER.CREATE.%.>", streamsAndArchives), each("CONSUMER.INFO.%.*", streamsAndArchives),
			each("CONSUMER.DELETE.%.*", streamsAndArchives), each("CONSUMER.PAUSE.%.*", streamsAndArchives),
			each("CONSUMER.NAMES.%", streamsAndArchives), each("CONSUMER.LIST.%", streamsAndArchives),
		)}
	// Not everything in account SYS: the servers take requests there that delete all streams of another account
	// ($JS.API.ACCOUNT.PURGE.*), and those of a cluster send each other every message that is stored ($NRG.>).
	administerServers = Grant{Name: "administer servers", What: "ask the servers for reports, let them reload, disconnect clients, hear of connections",
		Publish: []string{
			"$SYS.REQ.SERVER.PING", "$SYS.REQ.SERVER.PING.*", "$SYS.REQ.SERVER.*.*", "$SYS.REQ.ACCOUNT.*.*", "$SYS.REQ.USER.INFO",
		},
		Subscribe: []string{"$SYS.ACCOUNT.>", "$SYS.SERVER.>"}}
)

// The streams of buckets.
const (
	specs      = "KV_" + bus.SpecsBucket
	curves     = "KV_" + bus.CurvesBucket
	envelopes  = "KV_" + bus.EnvelopesBucket
	signatures = "KV_" + bus.SignaturesBucket
	attempts   = "KV_" + bus.AttemptsBucket
	archives   = "OBJ_" + bus.ArchivesBucket
)

var (
	streams            = []string{bus.EpisodesStream, bus.RejectedStream, bus.SuspectsStream, bus.DashboardStream, specs, curves, envelopes, signatures, attempts}
	streamsAndArchives = append(slices.Clone(streams), archives)
)

// api returns the subject of a call of the JetStream API.
func api(call string) string { return "$JS.API." + call }

// each returns the subject of a call for each stream, whose name replaces %.
func each(call string, streams []string) []string {
	var all []string
	for _, s := range streams {
		all = append(all, api(strings.ReplaceAll(call, "%", s)))
	}
	return all
}

// key returns the subject of a bucket's key.
func key(bucket string, tokens ...string) string {
	return "$KV." + bucket + "." + strings.Join(tokens, ".")
}

// read returns the right to read the messages of a stream. It needs no consumer,
// so it changes nothing.
func read(name, what, stream string) Grant {
	return Grant{Name: name, What: what, Publish: []string{
		api("STREAM.MSG.GET." + stream), api("DIRECT.GET." + stream),
	}}
}

// follow returns the right to watch keys of a bucket: the client makes a consumer
// of its own, and answers the flow control messages of the server.
func follow(name, stream, filter string) Grant {
	return Grant{Name: name, What: "follow bucket " + strings.TrimPrefix(stream, "KV_"), Publish: []string{
		api("CONSUMER.CREATE." + stream + ".*." + filter),
		api("CONSUMER.DELETE." + stream + ".*"),
		"$JS.FC." + stream + ".>",
	}}
}
