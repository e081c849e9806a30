package bus

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/cis490/profiles/bus/settings"
)

var update = flag.Bool("update", false, "write the table of settings into docs/OPERATIONS.md")

// TestSettingsInManual: docs/OPERATIONS.md has the present table of settings.
func TestSettingsInManual(t *testing.T) {
	const path, begin, end = "../docs/OPERATIONS.md", "<!-- settings: go test ./bus -run TestSettingsInManual -update -->\n", "<!-- end of settings -->\n"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok1 := strings.Cut(string(text), begin)
	table, after, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		t.Fatalf("%s lacks %q or %q", path, begin, end)
	}
	want := settingsTable()
	if table == want {
		return
	}
	if !*update {
		t.Fatalf("the table of settings in %s is not that of the code: go test ./bus -run TestSettingsInManual -update writes it", path)
	}
	if err := os.WriteFile(path, []byte(before+begin+want+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

// settingsTable is the list of settings as Markdown.
func settingsTable() string {
	text := "| setting of a stream | must be | another value | |\n|---|---|---|---|\n"
	all := append(streams(1, 0), archivesStream("archives", 1))
	for i, row := range settings.StreamRows(all[0]) {
		wanted := wantedBy{}
		for _, s := range all {
			wanted.add(strings.TrimPrefix(strings.TrimPrefix(s.Name, "KV_"), "OBJ_"), settings.StreamRows(s)[i].Wanted)
		}
		text += line(row, wanted)
	}
	text += "\n| setting of a consumer | must be | another value | |\n|---|---|---|---|\n"
	align, reduce := settings.ConsumerRows(alignConsumer("GENERATION", 0)), settings.ConsumerRows(reduceConsumer("GENERATION", 0))
	for i, row := range align {
		wanted := wantedBy{}
		wanted.add("align", row.Wanted)
		wanted.add("reduce", reduce[i].Wanted)
		text += line(row, wanted)
	}
	return text
}

func line(row settings.Row, wanted wantedBy) string {
	done := map[settings.Repair]string{
		settings.ByUpdate: "mended", settings.ByNewStream: "the stream must be made again", settings.ByNextEpoch: "the next epoch begins",
		settings.ByHand: strings.ReplaceAll(row.Cure, "|", "\\|"),
	}[row.By]
	if row.Except != "" {
		done += " (" + row.Except + ")"
	}
	level := map[settings.Level]string{settings.Told: "; settled all the same", settings.Refused: "; else no service begins"}[row.Level]
	return fmt.Sprintf("| %s | %s | %s | %s%s |\n", row.Setting, wanted, row.Harm, done, level)
}

// wantedBy has the wanted values of one setting, each with those that want it.
type wantedBy struct {
	values []string
	names  map[string][]string
}

func (w *wantedBy) add(name, value string) {
	if w.names == nil {
		w.names = map[string][]string{}
	}
	if w.names[value] == nil {
		w.values = append(w.values, value)
	}
	w.names[value] = append(w.names[value], name)
}

// String names every stream only if each has a value of its own. The value of most of them stands last, as "others".
func (w wantedBy) String() string {
	most := ""
	for _, v := range w.values {
		if most == "" || len(w.names[v]) > len(w.names[most]) {
			most = v
		}
	}
	if len(w.values) == 1 {
		return most
	}
	var parts []string
	alone := true
	for _, v := range w.values {
		alone = alone && len(w.names[v]) == 1
		if v != most {
			parts = append(parts, strings.Join(w.names[v], ", ")+": "+v)
		}
	}
	if alone && len(w.values) > 2 {
		return "as `profiles topology` makes them"
	}
	return strings.Join(append(parts, "others: "+most), "; ")
}
