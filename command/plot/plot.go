// Package plot draws figures as PNG or SVG: the envelopes of profiles, a panel for each ([Profiles]), and the level curves of
// signatures, a column for each profile ([Levels]).
package plot

import (
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/cis490/profiles/command/dataset"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/atomicfile"
)

// Format is a file format of a figure.
type Format string

// The formats that can be written.
const (
	PNG Format = "png" // 144 dots an inch
	SVG Format = "svg"
)

// ParseFormat accepts "png" and "svg", in small or capital letters.
func ParseFormat(s string) (Format, error) {
	switch f := Format(strings.ToLower(s)); f {
	case PNG, SVG:
		return f, nil
	default:
		return "", fmt.Errorf("draw profiles: unknown format %.20q, know png and svg", s)
	}
}

const maxPanels = 64

// Sizes of the figure.
const (
	panelWidth  = 4.6 * vg.Inch
	panelHeight = 3.1 * vg.Inch
	titleHeight = 0.4 * vg.Inch // of a panel, within its height
	headHeight  = 0.55 * vg.Inch
	margin      = 0.15 * vg.Inch
	dpi         = 144
)

// Profiles draws a panel for each row, in their order, in the colour that a profile has at this place on the page: the median as
// a line over the band from p25 to p75, in the channel's unit, with the phases marked and named. points divides the points among
// the phases; if it is zero, the number of points of the first row is divided by [fit.ScalePoints] (10/5/10/40/15 of 80).
//
// It is an error, and nothing is written, if format is unknown, if there are no rows or more than 64, if a row does not pass its
// Check, or if it has another number of points than points. The rows are neither changed nor kept.
func Profiles(w io.Writer, format Format, rows []dataset.AttackProfile, points fit.Points) error {
	format, err := ParseFormat(string(format))
	if err != nil {
		return err
	}
	if points, err = checkRows(rows, points); err != nil {
		return fmt.Errorf("draw profiles: %w", err)
	}
	columns := int(math.Ceil(math.Sqrt(float64(len(rows)))))
	lines := (len(rows) + columns - 1) / columns
	width, height := figureSize(columns, lines)
	canvas := newCanvas(format, width, height)
	whole := draw.New(canvas)
	drawHead(draw.Crop(whole, 0, 0, height-headHeight, 0), "Attack profiles", "", []key{{name: "median", line: true}, {name: "p25 to p75", alpha: bandAlpha}})
	tiles := draw.Tiles{Cols: columns, Rows: lines, PadX: margin, PadY: margin, PadLeft: margin, PadRight: margin, PadBottom: margin}
	body := draw.Crop(whole, 0, 0, 0, -headHeight)
	for i := range rows {
		p, err := panel(&rows[i], points, colorAt(i))
		if err != nil {
			return fmt.Errorf("draw profiles: row %d (%s): %w", i, rows[i].Profile, err)
		}
		tile := tiles.At(body, i%columns, i/columns)
		drawTitle(draw.Crop(tile, 0, 0, tile.Max.Y-tile.Min.Y-titleHeight, 0), &rows[i])
		p.Draw(draw.Crop(tile, 0, 0, 0, -titleHeight))
	}
	if _, err := canvas.WriteTo(w); err != nil {
		return fmt.Errorf("draw profiles: %w", err)
	}
	return nil
}

// newCanvas returns a blank canvas. The format must be known.
func newCanvas(format Format, width, height vg.Length) vg.CanvasWriterTo {
	if format == SVG {
		return vgsvg.New(width, height)
	}
	return vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(dpi))}
}

func figureSize(columns, lines int) (width, height vg.Length) {
	return vg.Length(columns)*(panelWidth+margin) + margin, vg.Length(lines)*(panelHeight+margin) + headHeight
}

// checkRows checks the rows and returns the points, or their default.
func checkRows(rows []dataset.AttackProfile, points fit.Points) (fit.Points, error) {
	if len(rows) == 0 || len(rows) > maxPanels {
		return points, fmt.Errorf("%d profiles, want 1 to %d", len(rows), maxPanels)
	}
	if points == (fit.Points{}) {
		var err error
		if points, err = fit.ScalePoints(len(rows[0].MedianRaw)); err != nil {
			return points, err
		}
	}
	for i := range rows {
		if err := rows[i].Check(); err != nil {
			return points, fmt.Errorf("row %d: %w", i, err)
		}
		if n := len(rows[i].MedianRaw); n != points.Total() {
			return points, fmt.Errorf("row %d (%s) has %d points, the phases %v have %d", i, rows[i].Profile, n, points.Counts(), points.Total())
		}
	}
	return points, nil
}

// ProfilesFile writes the figure of [Profiles] to the file at path, whose name must end in .png or .svg. The file is written
// whole or not at all; missing folders are made.
func ProfilesFile(path string, rows []dataset.AttackProfile, points fit.Points) error {
	return toFile(path, func(w io.Writer, format Format) error { return Profiles(w, format, rows, points) })
}

func toFile(path string, write func(io.Writer, Format) error) error {
	format, err := ParseFormat(strings.TrimPrefix(filepath.Ext(path), "."))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return atomicfile.Write(path, 0o644, func(w io.Writer) error { return write(w, format) })
}
