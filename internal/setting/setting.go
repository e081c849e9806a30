// Package setting fills in and checks settings.
package setting

import (
	"cmp"
	"fmt"
)

// Default sets value to otherwise where it is zero.
func Default[T comparable](value *T, otherwise T) {
	var zero T
	if *value == zero {
		*value = otherwise
	}
}

// Number sets value to otherwise where it is zero. It returns an error that names
// the setting and its value where that is below least or above most.
func Number[T cmp.Ordered](name string, value *T, otherwise, least, most T) error {
	Default(value, otherwise)
	if *value < least || *value > most {
		return fmt.Errorf("%s is %v: it must be between %v and %v", name, *value, least, most)
	}
	return nil
}

// AtLeast is Number for a setting without an upper bound.
func AtLeast[T cmp.Ordered](name string, value *T, otherwise, least T) error {
	Default(value, otherwise)
	if *value < least {
		return fmt.Errorf("%s is %v: it must be at least %v", name, *value, least)
	}
	return nil
}
