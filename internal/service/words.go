package service

import (
	"errors"
	"fmt"

	"github.com/spf13/pflag"
)

// kinds says in plain words what a value of a type of Go, of envconfig or of pflag must be.
var kinds = map[string]string{
	"bool":          "true or false",
	"int":           "a whole number",
	"int64":         "a whole number",
	"uint64":        "a whole number, 0 or more",
	"float64":       "a number",
	"time.Duration": aDuration,
	"duration":      aDuration,
}

const aDuration = "a time with its unit, such as 500ms, 10s, 5m or 1h30m"

// mustBe returns the error of a value that cannot be read as its type.
func mustBe(name, value, kind string) error {
	what, ok := kinds[kind]
	if !ok {
		what = "of another form (" + kind + ")"
	}
	return fmt.Errorf("%s is %q: it must be %s", name, value, what)
}

// FlagError returns the error of reading flags in the words of this project.
func FlagError(err error) error {
	var wrong *pflag.InvalidValueError
	if !errors.As(err, &wrong) {
		return err
	}
	flag := wrong.GetFlag()
	if _, known := kinds[flag.Value.Type()]; !known { // a type of our own, whose errors are plain
		return fmt.Errorf("--%s is %q: %w", flag.Name, wrong.GetValue(), errors.Unwrap(wrong))
	}
	return mustBe("--"+flag.Name, wrong.GetValue(), flag.Value.Type())
}
