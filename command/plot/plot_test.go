package plot

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cis490/profiles/command/dataset"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/signature"
)

// hill returns a profile whose band is a hill of n points and height top.
func hill(name, channel string, n int, top float64) dataset.AttackProfile {
	p := dataset.AttackProfile{Profile: name, Channel: channel, Used: 97, Attempted: 101}
	for i := range n {
		y := top * math.Sin(math.Pi*float64(i)/float64(max(n-1, 1)))
		p.Median = append(p.Median, float32(y/top))
		p.MedianRaw = append(p.MedianRaw, float32(y))
		p.P25Raw = append(p.P25Raw, float32(0.8*y))
		p.P75Raw = append(p.P75Raw, float32(1.1*y))
	}
	p.MedianMaxRaw = top
	return p
}

func six() []dataset.AttackProfile {
	return []dataset.AttackProfile{
		hill("cpu-saturate", "proc.cpu_user_jiffies", 80, 98), hill("io-walk", "proc.io_wchar", 80, 5.1e7),
		hill("bursty-c2", "net.tx_packets", 80, 0.03), hill("low-and-slow", "proc.rss_bytes", 80, 2.2e8),
		hill("scan-and-dial", "proc.minflt", 80, 4000), hill("shell-resident", "host.mem_free_kb", 80, 1.9e6),
	}
}

func drawn(t *testing.T, format Format, rows []dataset.AttackProfile, points fit.Points) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Profiles(&b, format, rows, points); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func decoded(t *testing.T, rows []dataset.AttackProfile) image.Image {
	t.Helper()
	m, err := png.Decode(bytes.NewReader(drawn(t, PNG, rows, fit.Points{})))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestPNGHasTheSizeOfItsPanels(t *testing.T) {
	for n, grid := range map[int][2]int{1: {1, 1}, 2: {2, 1}, 3: {2, 2}, 6: {3, 2}} {
		size := decoded(t, six()[:n]).Bounds().Size()
		width, height := figureSize(grid[0], grid[1])
		if math.Abs(width.Dots(dpi)-float64(size.X)) > 1 || math.Abs(height.Dots(dpi)-float64(size.Y)) > 1 {
			t.Errorf("%d panels: %v, want %.0f x %.0f", n, size, width.Dots(dpi), height.Dots(dpi))
		}
	}
}

// TestPNGShowsLineAndBandInEachPanel counts the dots of line and band in each panel, and in the place of the sixth, which has no
// profile.
func TestPNGShowsLineAndBandInEachPanel(t *testing.T) {
	m := decoded(t, six()[:5])
	size := m.Bounds().Size()
	for i := range 6 {
		column, row := i%3, i/3
		line, band := 0, 0
		for x := size.X * column / 3; x < size.X*(column+1)/3; x++ {
			for y := size.Y*row/2 + 90; y < size.Y*(row+1)/2; y++ {
				switch c := color.NRGBAModel.Convert(m.At(x, y)).(color.NRGBA); {
				case c == colorAt(i):
					line++
				case c.A == 0xff && looks(c, over(faint(colorAt(i), bandAlpha), color.NRGBA{R: 0xff, G: 0xff, B: 0xff, A: 0xff})),
					looks(c, over(faint(colorAt(i), bandAlpha), over(attackColor, color.NRGBA{R: 0xff, G: 0xff, B: 0xff, A: 0xff}))):
					band++
				}
			}
		}
		if want := i < 5; want != (line > 300) || want != (band > 2000) {
			t.Errorf("panel %d: %d dots of line, %d of band", i, line, band)
		}
	}
}

// over returns a colour on an opaque one.
func over(c, under color.NRGBA) color.NRGBA {
	mix := func(a, b uint8) uint8 { return uint8((int(a)*int(c.A) + int(b)*(255-int(c.A))) / 255) }
	return color.NRGBA{R: mix(c.R, under.R), G: mix(c.G, under.G), B: mix(c.B, under.B), A: 0xff}
}

// looks reports whether two colours are equal but for rounding.
func looks(a, b color.NRGBA) bool {
	near := func(x, y uint8) bool { return max(x, y)-min(x, y) <= 3 }
	return near(a.R, b.R) && near(a.G, b.G) && near(a.B, b.B)
}

func TestSVGNamesEverything(t *testing.T) {
	svg := drawn(t, SVG, six(), fit.DefaultPoints())
	var texts []string
	decoder := xml.NewDecoder(bytes.NewReader(svg))
	for {
		token, err := decoder.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if data, ok := token.(xml.CharData); ok {
			texts = append(texts, strings.TrimSpace(string(data)))
		}
	}
	all := strings.Join(texts, "\n")
	for _, row := range six() {
		for _, want := range []string{row.Profile, row.Channel + ", 97 episodes used of 101 attempted"} {
			if !strings.Contains(all, want) {
				t.Errorf("the figure does not have %q", want)
			}
		}
	}
	for want, times := range map[string]int{"running": 6, "infecting": 6, "armed": 6, "clean": 12, "jiffies/s": 1, "bytes/s": 1, "1/s": 1, "bytes": 1, "kB": 1, "50M": 2, "0.03": 1} {
		n := 0
		for _, text := range texts {
			if text == want {
				n++
			}
		}
		if n != times {
			t.Errorf("%q is there %d times, want %d", want, n, times)
		}
	}
}

func TestPhasesFollowThePoints(t *testing.T) {
	points := fit.Points{CleanLead: 4, Armed: 3, Infecting: 3, InfectedRunning: 20, CleanTail: 10}
	var labels []string
	for _, tick := range newPhases(points).Ticks(0, 0) {
		labels = append(labels, tick.Label)
	}
	if got := strings.Join(labels, " "); got != "0 4 7 10 30 40" {
		t.Errorf("ticks at %s", got)
	}
	rows := []dataset.AttackProfile{hill("x", "proc.minflt", 40, 1)}
	if bytes.Equal(drawn(t, SVG, rows, points), drawn(t, SVG, rows, fit.Points{})) {
		t.Error("other phases gave the same figure")
	}
}

// TestSlicesLeftOut: a slice without points has neither a name, a border nor a tick.
func TestSlicesLeftOut(t *testing.T) {
	points := fit.Points{CleanLead: 10, InfectedRunning: 20}
	var labels []string
	for _, tick := range newPhases(points).Ticks(0, 0) {
		labels = append(labels, tick.Label)
	}
	if got := strings.Join(labels, " "); got != "0 10 30" {
		t.Errorf("ticks at %s", got)
	}
	row := hill("x", "proc.minflt", 30, 1)
	row.Unit = "faults/s"
	var levels bytes.Buffer
	if err := Levels(&levels, SVG, levelColumns(points), points, ""); err != nil {
		t.Fatal(err)
	}
	profiles := string(drawn(t, SVG, []dataset.AttackProfile{row}, points))
	for name, figure := range map[string]string{"profiles": profiles, "levels": levels.String()} {
		for _, left := range []string{">armed<", ">infecting<"} {
			if strings.Contains(figure, left) {
				t.Errorf("%s: %s is drawn", name, left)
			}
		}
		if !strings.Contains(figure, ">running<") || strings.Contains(figure, "NaN") || strings.Contains(figure, "Inf") {
			t.Errorf("%s: %s", name, figure)
		}
	}
	if !strings.Contains(profiles, "faults/s") || strings.Count(profiles, ">clean<") != 1 {
		t.Error(profiles)
	}
	if err := Levels(&levels, SVG, levelColumns(points), points, fit.SliceArmed); err == nil || !strings.Contains(err.Error(), "leaves phase armed out") {
		t.Errorf("armed alone: %v", err)
	}
}

func TestProfilesDrawsWhatIsOdd(t *testing.T) {
	flat := hill("flat", "proc.minflt", 80, 1)
	clear(flat.MedianRaw)
	clear(flat.P25Raw)
	clear(flat.P75Raw)
	negative := hill("negative", "x", 80, -5)
	tiny, huge := hill("tiny", "proc.minflt", 5, 1e-30), hill("huge", "proc.minflt", 5, 3e38/1.1)
	long := hill(strings.Repeat("long", 20), "proc."+strings.Repeat("field", 30), 80, 1)
	constant := hill("constant", "host.load", 80, 1)
	for i := range constant.MedianRaw {
		constant.MedianRaw[i], constant.P25Raw[i], constant.P75Raw[i] = 1e9, 1e9, 1e9
	}
	for _, p := range []dataset.AttackProfile{flat, negative, tiny, huge, long, constant} {
		for _, format := range []Format{PNG, SVG} {
			if b := drawn(t, format, []dataset.AttackProfile{p}, fit.Points{}); len(b) < 1000 {
				t.Errorf("%s as %s: %d bytes", p.Profile, format, len(b))
			}
		}
	}
}

func TestProfilesRefuses(t *testing.T) {
	short := six()
	short[2] = hill("short", "proc.minflt", 79, 1)
	nan := six()
	nan[1].P25Raw[7] = float32(math.NaN())
	for name, test := range map[string]struct {
		format Format
		rows   []dataset.AttackProfile
		points fit.Points
		says   string
	}{
		"format":     {"pdf", six(), fit.Points{}, `unknown format "pdf", know png and svg`},
		"no format":  {"", six(), fit.Points{}, `unknown format ""`},
		"no rows":    {PNG, nil, fit.Points{}, "0 profiles"},
		"many rows":  {PNG, make([]dataset.AttackProfile, 65), fit.Points{}, "65 profiles"},
		"lengths":    {PNG, short, fit.Points{}, "row 2 (short) has 79 points"},
		"points":     {PNG, six(), fit.Points{CleanLead: 1, Armed: 1, Infecting: 1, InfectedRunning: 1, CleanTail: 1}, "row 0 (cpu-saturate) has 80 points, the phases [1 1 1 1 1] have 5"},
		"too few":    {PNG, []dataset.AttackProfile{hill("x", "y", 4, 1)}, fit.Points{}, "4"},
		"not finite": {SVG, nan, fit.Points{}, "p25_raw[7] is NaN"},
	} {
		var b bytes.Buffer
		if err := Profiles(&b, test.format, test.rows, test.points); err == nil || !strings.Contains(err.Error(), test.says) || b.Len() > 0 {
			t.Errorf("%s: error %v, %d bytes written; want %q and none", name, err, b.Len(), test.says)
		}
	}
}

func TestProfilesFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made")
	path := filepath.Join(dir, "profiles.PNG")
	if err := ProfilesFile(path, six(), fit.Points{}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(b, drawn(t, PNG, six(), fit.Points{})) {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	if err := ProfilesFile(path, nil, fit.Points{}); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v", err)
	}
	if now, err := os.ReadFile(path); err != nil || !bytes.Equal(b, now) {
		t.Errorf("the old figure changed (%v)", err)
	}
	if err := ProfilesFile(filepath.Join(dir, "profiles"), six(), fit.Points{}); err == nil {
		t.Error("a name without an ending was taken")
	}
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "x.svg"), 0o755), ProfilesFile(filepath.Join(dir, "x.svg"), six(), fit.Points{})); err == nil {
		t.Error("a folder was overwritten")
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("the folder holds %v (%v)", entries, err)
	}
}

// TestLevelsAreLogarithmic: the heights of levels are those of the page, logarithms of 1 plus the value.
func TestLevelsAreLogarithmic(t *testing.T) {
	points := fit.DefaultPoints()
	row := make(signature.Row, points.Total())
	for i := range row {
		row[i] = []float64{1023, 31}[i%2]
	}
	band := signature.Band{Median: row, P75: row}
	var picture bytes.Buffer
	if err := Levels(&picture, PNG, []LevelColumn{{Profile: "a", Used: 7, Channels: []signature.Channel{{Name: "proc.minflt", Levels: band}}}}, points, fit.SliceInfectedRunning); err != nil {
		t.Fatal(err)
	}
	m, err := png.Decode(&picture)
	if err != nil {
		t.Fatal(err)
	}
	heights := map[int]int{}
	size := m.Bounds().Size()
	for x := range size.X {
		high := 0
		for y := range size.Y {
			if color.NRGBAModel.Convert(m.At(x, y)).(color.NRGBA) == colorAt(0) {
				high++
			}
		}
		heights[high]++
	}
	full := levelHeight.Dots(dpi)
	all, half := 0, 0
	for high, n := range heights {
		switch {
		case math.Abs(float64(high)-full) <= 2:
			all += n
		case math.Abs(float64(high)-full/2) <= 2: // 31 is half of 1023 on this scale
			half += n
		}
	}
	if all < 100 || half < 100 {
		t.Errorf("%d columns of dots have the full height of %.0f dots, %d half of it: %v", all, full, half, heights)
	}
}

func TestWithUnit(t *testing.T) {
	for want, got := range map[string]string{"12k/s": withUnit(11840, "1/s"), "140k bytes/s": withUnit(1.42e5, "bytes/s"), "9": withUnit(9, ""), "30 jiffies/s": withUnit(30.3, "jiffies/s")} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestShorten(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 2.5: "2.5", 999: "999", 1000: "1k", 2.5e7: "25M", -3e9: "-3G", 1e-7: "1e-07", 2e15: "2000T", 0.30000000000000004: "0.3"} {
		if got := shorten(v); got != want {
			t.Errorf("%v is %q, want %q", v, got, want)
		}
	}
}

func levelColumns(points fit.Points) []LevelColumn {
	column := func(name string, top float64) LevelColumn {
		row := make(signature.Row, points.Total())
		for i := range row {
			row[i] = max(0, top-float64(i%10))
		}
		row[len(row)-1] = math.NaN()
		band := signature.Band{Median: row, P75: row}
		return LevelColumn{Profile: name, Used: 7, Channels: []signature.Channel{{Name: "proc.minflt", Unit: "1/s", Levels: band}, {Name: "proc.rss_bytes", Unit: "bytes", Levels: band}}}
	}
	return []LevelColumn{column("io-walk", 9), column("bursty-c2", 4)}
}

func TestLevels(t *testing.T) {
	points := fit.DefaultPoints()
	columns := levelColumns(points)
	for _, phase := range []string{"", fit.SliceInfectedRunning} {
		var picture, drawing bytes.Buffer
		if err := errors.Join(Levels(&picture, PNG, columns, points, phase), Levels(&drawing, SVG, columns, points, phase)); err != nil {
			t.Fatal(err)
		}
		if _, err := png.Decode(&picture); err != nil {
			t.Error(err)
		}
		for _, words := range []string{"io-walk, n = 7", "bursty-c2", "proc.minflt", "to 9 bytes", ">running<", "dark: median", "light: upper quartile", levelNote} {
			if !strings.Contains(drawing.String(), words) {
				t.Errorf("phase %q: %q is not in the picture", phase, words)
			}
		}
	}
	other := levelColumns(points)
	other[1].Channels = other[1].Channels[:1]
	for name, err := range map[string]error{
		"no columns":      Levels(io.Discard, PNG, nil, points, ""),
		"no channels":     Levels(io.Discard, PNG, []LevelColumn{{Profile: "a"}}, points, ""),
		"other channels":  Levels(io.Discard, PNG, other, points, ""),
		"other points":    Levels(io.Discard, PNG, columns, fit.Points{CleanLead: 1, Armed: 1, Infecting: 1, InfectedRunning: 1, CleanTail: 1}, ""),
		"no such phase":   Levels(io.Discard, PNG, columns, points, "dormant"),
		"no such format":  Levels(io.Discard, "gif", columns, points, ""),
		"no such picture": LevelsFile(filepath.Join(t.TempDir(), "a.gif"), columns, points, ""),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
