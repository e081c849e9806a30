package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/cis490/profiles/episode"
)

// DefaultSuffix is the suffix of archives if Config.Suffixes is empty.
const DefaultSuffix = ".tar.zst"

// suffixes are the endings of the names <host>/<episode><suffix> that an archive may have, in the
// order in which they are tried.
type suffixes []string

var isSuffix = regexp.MustCompile(`^(\.[A-Za-z0-9]+)+$`)

// newSuffixes returns the suffixes of a list, or the DefaultSuffix if it is empty.
func newSuffixes(list []string) (suffixes, error) {
	if len(list) == 0 {
		return suffixes{DefaultSuffix}, nil
	}
	for _, s := range list {
		if !isSuffix.MatchString(s) { // it must not lead out of the store
			return nil, fmt.Errorf("suffix %.80q of archives: want one or more times a dot and letters or digits", s)
		}
	}
	return list, nil
}

// An opener opens an archive by its name in a store. Its errors are those of episode.Store.
type opener func(ctx context.Context, name string) (io.ReadCloser, error)

// open opens the first archive of an episode that there is, and returns its suffix. A name that the
// store refuses may belong to no archive, so the next one is tried. If none is found after that, the
// store may have an archive, so the error matches episode.ErrRefused.
func (s suffixes) open(ctx context.Context, ref episode.Ref, open opener) (r io.ReadCloser, suffix string, err error) {
	var refused, missing error
	tried := make([]string, 0, len(s))
	for _, suffix := range s {
		name, err := objectName(ref, suffix)
		if err != nil {
			return nil, "", fmt.Errorf("open archive: %w", err)
		}
		tried = append(tried, name)
		r, err := open(ctx, name)
		switch {
		case err == nil:
			return r, suffix, nil
		case errors.Is(err, episode.ErrNotFound):
			missing = err
		case errors.Is(err, episode.ErrRefused):
			refused = cmp.Or(refused, err)
		default:
			return nil, "", err
		}
	}
	if err = cmp.Or(refused, missing); len(s) > 1 {
		err = fmt.Errorf("%w; tried %s", err, strings.Join(tried, ", "))
	}
	return nil, "", err
}

// of returns the suffixes of all archives that an episode has. If none is found, and one was refused,
// that is an error.
func (s suffixes) of(ctx context.Context, ref episode.Ref, open opener) ([]string, error) {
	var found []string
	var refused error
	for i, suffix := range s {
		r, _, err := s[i:i+1].open(ctx, ref, open)
		switch {
		case err == nil:
			_ = r.Close()
			found = append(found, suffix)
		case errors.Is(err, episode.ErrCorrupt): // there is something
			found = append(found, suffix)
		case errors.Is(err, episode.ErrRefused):
			refused = cmp.Or(refused, err)
		case !errors.Is(err, episode.ErrNotFound):
			return nil, err
		}
	}
	if len(found) > 0 {
		return found, nil
	}
	return nil, refused
}

// forPut returns the name under which an archive with a suffix is stored.
func (s suffixes) forPut(ref episode.Ref, suffix string) (string, error) {
	if !slices.Contains(s, suffix) {
		return "", fmt.Errorf("put archive of %s: the store has no suffix %q, only %s", ref, suffix, strings.Join(s, ", "))
	}
	name, err := objectName(ref, suffix)
	if err != nil {
		return "", fmt.Errorf("put archive: %w", err)
	}
	return name, nil
}

// objectName is the name of an archive's object or file: <host>/<episode><suffix>.
func objectName(ref episode.Ref, suffix string) (string, error) {
	if _, err := episode.ParseRef(string(ref.Host), string(ref.ID)); err != nil {
		return "", err
	}
	return ref.String() + suffix, nil
}
