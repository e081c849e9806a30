package plain

import "strings"

// Cell returns text for a cell of a CSV file. A spreadsheet takes a cell that begins with = + - @, a tab or a carriage return
// for a formula, and runs it: such a text gets a ' before it. The caller still quotes what CSV asks for.
func Cell(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return "'" + text
	}
	return text
}
