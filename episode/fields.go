package episode

import (
	"fmt"
	"strings"
)

const mostListed = 20 // the most fields that a message lists

// fieldsOf returns a list of the fields of an object for a message: their paths.
func fieldsOf(object []byte) string {
	var s scanner
	var f fieldLister
	s.reset(object, len(object), nil)
	f.add(&s, "")
	return listFields(f.names, f.count)
}

// A fieldLister collects the paths of the fields of an object.
type fieldLister struct {
	names []string // the first ones
	count int
}

// add adds the fields of the object that is next.
func (f *fieldLister) add(s *scanner, prefix string) {
	for s.object(); s.next(); {
		name := ""
		if f.count < mostListed {
			name = prefix + clip(string(s.key))
		}
		switch {
		case s.token() == '{' && len(name) <= clipBytes:
			f.add(s, name+".")
			continue
		case f.count < mostListed:
			f.names = append(f.names, name)
		}
		f.count++
		s.skip()
	}
}

// listFields returns a list of count fields, of which the first have names.
func listFields(names []string, count int) string {
	if count == 0 {
		return "none"
	}
	var b strings.Builder
	for i, name := range names[:min(len(names), mostListed)] {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(printable(name))
	}
	if count > mostListed {
		fmt.Fprintf(&b, " and %d more", count-mostListed)
	}
	return b.String()
}

// printable returns a name for a message: as it is, or quoted if it is long or may be misread.
func printable(name string) string {
	if quoted := quote(name); name == "" || quoted != `"`+name+`"` || strings.ContainsAny(name, " ,") {
		return quoted
	}
	return name
}
