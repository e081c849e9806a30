package service_test

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/cis490/profiles/internal/service"
)

// programmersWords are texts of Go and of libraries that say nothing to an operator.
var programmersWords = []string{"strconv", "time.Duration", "parsing", "a int", "a bool", "float64", "uint64", "syntax"}

// TestSettingsInPlainWords: a value of another type than the setting's is refused in plain words.
func TestSettingsInPlainWords(t *testing.T) {
	type config struct {
		Whole    int           `envconfig:"WORDS_WHOLE"`
		Long     int64         `envconfig:"WORDS_LONG"`
		Duration time.Duration `envconfig:"WORDS_DURATION"`
		Yes      bool          `envconfig:"WORDS_YES"`
		Number   float64       `envconfig:"WORDS_NUMBER"`
	}
	for name, want := range map[string]string{
		"WORDS_WHOLE": "a whole number", "WORDS_LONG": "a whole number", "WORDS_YES": "true or false", "WORDS_NUMBER": "a number",
		"WORDS_DURATION": "a time with its unit, such as 500ms, 10s, 5m or 1h30m",
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, "5 apples")
			err := service.Settings{Into: &config{}}.FromEnvironment()
			if err == nil || err.Error() != name+` is "5 apples": it must be `+want {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestFlagsInPlainWords: the same for flags of every type that the programs use.
func TestFlagsInPlainWords(t *testing.T) {
	flags := pflag.NewFlagSet("x", pflag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Int("int", 0, "")
	flags.Int64("int64", 0, "")
	flags.Uint64("uint64", 0, "")
	flags.Float64("float64", 0, "")
	flags.Duration("duration", 0, "")
	flags.Bool("bool", false, "")
	flags.VisitAll(func(f *pflag.Flag) {
		err := service.FlagError(flags.Parse([]string{"--" + f.Name + "=5 apples"}))
		if err == nil || !strings.HasPrefix(err.Error(), "--"+f.Name+` is "5 apples": it must be `) {
			t.Errorf("--%s: %v", f.Name, err)
			return
		}
		for _, word := range programmersWords {
			if strings.Contains(strings.TrimPrefix(err.Error(), "--"+f.Name), word) {
				t.Errorf("--%s: %v", f.Name, err)
			}
		}
	})
	if err := service.FlagError(flags.Parse([]string{"--none"})); err == nil || !strings.Contains(err.Error(), "unknown flag: --none") {
		t.Errorf("%v", err)
	}
}
