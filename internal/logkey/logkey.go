// Package logkey names the keys of all log lines. Each key has one meaning in
// all services, so a search for it finds every line about that thing.
package logkey

// Keys of log lines.
const (
	Err    = "err"    // what failed, and why
	Reason = "reason" // why something was done or left out, where nothing failed
	Detail = "detail" // the reason as a sentence: what was looked for, and what is there instead

	Service = "service" // name of the daemon
	Version = "version" // of this build
	Server  = "server"  // name of a NATS server
	URL     = "url"     // without passwords
	Address = "address" // host:port, of a listener or of a client

	Host         = "host"          // that recorded an episode
	Episode      = "episode"       // id of an episode, or host/id
	Profile      = "profile"       // attack profile
	OtherProfile = "other_profile" // the profile that an episode looks like
	Channel      = "channel"       // <source>.<field>
	Generation   = "generation"    // id of a fit spec's generation
	Epoch        = "epoch"         // of that generation
	Revision     = "revision"      // of a spec

	Clock    = "clock"    // whose clock
	Ahead    = "ahead"    // by how much that clock is ahead
	Measured = "measured" // what is measured, as a label value of metrics

	Stream  = "stream"  // JetStream stream
	Bucket  = "bucket"  // key-value bucket or object store
	Piece   = "piece"   // stream, bucket or consumer that is created or waited for
	Setting = "setting" // of a stream or consumer
	Key     = "key"     // in a bucket
	Object  = "object"  // NUID of an object's chunks
	Subject = "subject" // NATS subject
	Seq     = "seq"     // sequence in a stream
	LastSeq = "last_seq"
	SeenSeq = "seen_seq" // the highest sequence seen before

	Tries       = "tries"        // to read archives, since the last warning of that kind
	Puts        = "puts"         // puts that one reduce takes
	Subjects    = "subjects"     // number of subjects
	MaxSubjects = "max_subjects" // setting MAX_SUBJECTS
	MaxBytes    = "max_bytes"    // setting MAX_STATE_BYTES
	Limit       = "limit"        // of connections: all, or address (MAX_PER_ADDRESS)
)
