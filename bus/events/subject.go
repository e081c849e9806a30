// Package events publishes and follows the events of stream DASHBOARD, which keeps the last
// event of each subject. docs/MESSAGES.md defines the events; the streamer makes them.
//
//	subject.go    the types of events, and the subject of each
//	order.go      which of two events is later
//	publisher.go  publishes an event, unless a later one is there
//	feed.go       follows the stream: the last events first, then each as it comes
//	awaited.go    events that were heard and are not stored yet
package events

import (
	"fmt"
	"strings"

	"github.com/cis490/profiles/bus"
)

// Types of events. The dashboard takes others, too.
const (
	TypeAttackProfile   = "attack_profile"
	TypeAttackSignature = "attack_signature"
	TypeModelMetric     = "model_metric"
	TypeModelPerf       = "model_perf"
	TypeSuspects        = "suspects"
	TypeSpec            = "spec"
)

// Types returns all types of events that streamers publish.
func Types() []string {
	return []string{TypeAttackProfile, TypeAttackSignature, TypeModelMetric, TypeModelPerf, TypeSuspects, TypeSpec}
}

// Subject is the subject of the events of a type and name. The name becomes one token
// of it: characters other than letters, digits, "-" and "_" are percent-encoded, and
// an empty name is "_".
func Subject(kind, name string) string { return bus.SubjectDashboard + kind + "." + token(name) }

func token(name string) string {
	if name == "" {
		return "_"
	}
	var b strings.Builder
	for i := range len(name) {
		c := name[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// TypeOf returns the type of the events of a subject.
func TypeOf(subject string) string {
	kind, _, _ := strings.Cut(strings.TrimPrefix(subject, bus.SubjectDashboard), ".")
	return kind
}
