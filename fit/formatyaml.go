package fit

import (
	"errors"
	"math"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// The keys format, quality and validation of a spec, read as specyaml.go reads the others.

// format reads into a partial format; [Format.complete] fills in the rest.
func (r specReader) format(node *yaml.Node, path string, f *Format) error {
	return r.mapping(node, path, func(key, path string, value *yaml.Node) error {
		switch key {
		case "suffixes":
			return r.texts(value, path, &f.Suffixes)
		case "time":
			return word(value, path, &f.Time)
		case "meta":
			return r.meta(value, path, &f.Meta)
		case "labels":
			return r.labels(value, path, &f.Labels)
		case "phases":
			return r.phases(value, path, &f.Phases)
		case "sources":
			return r.sources(value, path, &f.Sources)
		case "channels":
			return r.formatChannels(value, path, &f.Channels)
		}
		return errUnknownKey
	})
}

func (r specReader) meta(node *yaml.Node, path string, m *MetaFormat) error {
	return r.mapping(node, path, func(key, path string, value *yaml.Node) error {
		switch key {
		case "member":
			return text(value, path, &m.Member)
		case "duration":
			return word(value, path, &m.Duration)
		case "unit":
			return word(value, path, &m.Unit)
		}
		return errUnknownKey
	})
}

func (r specReader) labels(node *yaml.Node, path string, l *LabelFormat) error {
	return r.mapping(node, path, func(key, path string, value *yaml.Node) error {
		switch key {
		case "member":
			return word(value, path, &l.Member)
		case "time":
			return word(value, path, &l.Time)
		case "unit":
			return word(value, path, &l.Unit)
		case "phase":
			return word(value, path, &l.Phase)
		}
		return errUnknownKey
	})
}

func (r specReader) phases(node *yaml.Node, path string, phases *map[string]string) error {
	all := map[string]string{}
	err := r.entries(node, path, func(key, path string, value *yaml.Node) error {
		var phase string
		err := word(value, path, &phase)
		all[key] = phase
		return err
	})
	if len(all) > 0 {
		*phases = all
	}
	return err
}

func (r specReader) sources(node *yaml.Node, path string, sources *map[string]SourceFormat) error {
	*sources = map[string]SourceFormat{}
	return r.entries(node, path, func(key, path string, value *yaml.Node) error {
		var source SourceFormat
		err := r.source(value, path, &source)
		(*sources)[key] = source
		return err
	})
}

func (r specReader) source(node *yaml.Node, path string, s *SourceFormat) error {
	return r.mapping(node, path, func(key, path string, value *yaml.Node) error {
		switch key {
		case "member":
			return word(value, path, &s.Member)
		case "time":
			return word(value, path, &s.Time)
		case "unit":
			return word(value, path, &s.Unit)
		case "rows":
			return word(value, path, &s.Rows)
		}
		return errUnknownKey
	})
}

func (r specReader) formatChannels(node *yaml.Node, path string, channels *map[string]Channel) error {
	all := map[string]Channel{}
	err := r.entries(node, path, func(key, path string, value *yaml.Node) error {
		var channel Channel
		err := r.formatChannel(value, path, &channel)
		all[key] = channel
		return err
	})
	if len(all) > 0 {
		*channels = all
	}
	return err
}

func (r specReader) formatChannel(node *yaml.Node, path string, c *Channel) error {
	return r.mapping(node, path, func(key, path string, value *yaml.Node) error {
		switch key {
		case "kind":
			return word(value, path, &c.Kind)
		case "unit":
			return word(value, path, &c.Unit)
		case "scale":
			err := decimal(value, path, &c.Scale)
			if err == nil && c.Scale == 0 {
				err = &fieldError{path, errZeroScale}
			}
			return err
		case "field":
			return word(value, path, &c.Field)
		}
		return errUnknownKey
	})
}

func (r specReader) quality(node *yaml.Node, path string, q *QualityLimits) error {
	return r.mapping(node, path, func(key, path string, value *yaml.Node) error {
		switch key {
		case "min_span":
			return seconds(value, path, &q.MinSpan)
		case "max_duration":
			return decimal(value, path, &q.MaxDuration)
		case "rows_dropped":
			return decimal(value, path, &q.RowsDropped)
		case "counter_events":
			return decimal(value, path, &q.CounterEvents)
		case "min_points":
			return count(value, path, &q.MinPoints)
		}
		return errUnknownKey
	})
}

func (r specReader) validation(node *yaml.Node, path string, v *Validation) error {
	return r.mapping(node, path, func(key, path string, value *yaml.Node) error {
		switch key {
		case "episode_id":
			return word(value, path, &v.EpisodeID)
		case "host_id":
			return word(value, path, &v.HostID)
		case "profile":
			return word(value, path, &v.Profile)
		case "status":
			return text(value, path, &v.Status)
		case "accepted":
			return r.texts(value, path, &v.Accepted)
		}
		return errUnknownKey
	})
}

// word reads text that is not empty.
func word[T ~string](node *yaml.Node, path string, to *T) error {
	err := text(node, path, to)
	if err == nil && *to == "" {
		err = &fieldError{path, errors.New("it is empty")}
	}
	return err
}

// decimal reads a number as JSON writes it.
func decimal(node *yaml.Node, path string, to *float64) error {
	tag := node.ShortTag()
	if node.Kind != yaml.ScalarNode || tag != "!!int" && tag != "!!float" || !isNumber([]byte(node.Value)) {
		return mismatch(node, path, "a decimal number")
	}
	v, err := strconv.ParseFloat(node.Value, 64)
	if err != nil || math.IsInf(v, 0) {
		return mismatch(node, path, "a number of magnitude below 1e308")
	}
	*to = v
	return nil
}

// seconds reads a time such as 1s or 500ms, or a number of seconds.
func seconds(node *yaml.Node, path string, to *float64) error {
	if decimal(node, path, to) == nil {
		return nil
	}
	for _, unit := range []struct {
		name      string
		perSecond float64
	}{{"ns", 1e9}, {"us", 1e6}, {"ms", 1e3}, {"s", 1}} {
		number, found := strings.CutSuffix(node.Value, unit.name)
		if !found || node.Kind != yaml.ScalarNode || !isNumber([]byte(number)) {
			continue
		}
		v, err := strconv.ParseFloat(number, 64)
		if err == nil {
			*to = v / unit.perSecond
			return nil
		}
	}
	return mismatch(node, path, "a time such as 1s or 500ms, or a number of seconds")
}
