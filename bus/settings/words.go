package settings

import (
	"fmt"
	"strings"
	"time"
)

const none = "none"

// limit is the text of a limit; NATS has 0 or -1 for "no limit".
func limit[N int | int32 | int64](n N) string {
	if n <= 0 {
		return "unlimited"
	}
	return fmt.Sprint(n)
}

// span is the text of a duration; 0 means that there is no limit.
func span(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d <= 0:
		return "unlimited"
	case d%day == 0:
		return strings.TrimSuffix(fmt.Sprintf("%d days", d/day), map[bool]string{true: "s"}[d == day])
	}
	return d.String()
}

func yesNo(b bool) string {
	if b {
		return "on"
	}
	return "off"
}

// list is the text of names.
func list(names []string) string {
	if len(names) == 0 {
		return none
	}
	return strings.Join(names, ", ")
}

// eitherIf is the text of what a switch must be: text, or either where the project does not
// rely on it.
func eitherIf(either bool, text string) string {
	if either {
		return "either"
	}
	return text
}
