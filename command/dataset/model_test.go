package dataset

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/model"
)

func smallModel(t testing.TB) *model.Model {
	t.Helper()
	l := model.NewLayout(model.Running, "mean", []string{"proc.minflt", "proc.io_rchar"}, fit.Points{CleanLead: 1, Armed: 1, Infecting: 1, InfectedRunning: 2, CleanTail: 1})
	var examples []model.Example
	for i := range 9 {
		vector := make([]float32, l.Dim())
		for f := range vector {
			vector[f] = float32(i*f) + 0.25
		}
		if i < len(vector) {
			vector[i] = float32(math.NaN())
		}
		examples = append(examples, model.Example{Profile: fit.ProfileName([]string{"io-walk", "bursty-c2"}[i%2]), Host: "h", Episode: fmt.Sprint(i), Vector: vector})
	}
	m, err := model.New(l, examples)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestModelRoundTrip(t *testing.T) {
	m := smallModel(t)
	path := filepath.Join(t.TempDir(), "new", "model.parquet")
	if err := WriteModelFile(path, m); err != nil {
		t.Fatal(err)
	}
	got, err := ReadModelFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got.Layout(), m.Layout()) || fmt.Sprint(got.Examples()) != fmt.Sprint(m.Examples()) { // as text, since NaN is not equal to itself
		t.Errorf("got %+v %v", got.Layout(), got.Examples())
	}
	var one, two bytes.Buffer
	if err := errors.Join(WriteModel(&one, m), WriteModel(&two, got)); err != nil || !bytes.Equal(one.Bytes(), two.Bytes()) {
		t.Errorf("written again it differs (%v)", err)
	}
}

// TestOlderModel: a file of an older layout, which has no version, is refused with what to do.
func TestOlderModel(t *testing.T) {
	rows := []modelRow{{"io-walk", "h", "e", []float32{1, 2}}}
	layout := `{"features":"levels","resample":"mean","channels":["proc.minflt"],"points":{"infected_running":2}}`
	var b bytes.Buffer
	if err := writeTable(&b, rows, map[string]string{layoutKey: layout}); err != nil {
		t.Fatal(err)
	}
	_, err := ReadModel(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if !errors.Is(err, model.ErrVersion) || !errors.Is(err, ErrShape) || !strings.Contains(err.Error(), "make the model again with profiles fit --model-out") {
		t.Errorf("%v", err)
	}
}

// TestDamagedModel cuts a model's file at every byte and flips a bit of every byte: each gives an error or a model, never a
// panic.
func TestDamagedModel(t *testing.T) {
	var b bytes.Buffer
	if err := WriteModel(&b, smallModel(t)); err != nil {
		t.Fatal(err)
	}
	read := func(file []byte) error {
		_, err := ReadModel(bytes.NewReader(file), int64(len(file)))
		return err
	}
	for n := range b.Len() {
		if err := read(b.Bytes()[:n]); !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrShape) {
			t.Fatalf("the first %d bytes: %v", n, err)
		}
		flipped := bytes.Clone(b.Bytes())
		flipped[n] ^= 0x40
		if err := read(flipped); err != nil && !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrShape) {
			t.Fatalf("byte %d flipped: %v", n, err)
		}
	}
}

func TestOtherFilesAreNoModel(t *testing.T) {
	file := writeProfiles(t, madeProfiles(), nil)
	if _, err := ReadModel(bytes.NewReader(file), int64(len(file))); !errors.Is(err, ErrShape) {
		t.Errorf("attack profiles: %v", err)
	}
	if _, err := ReadModelFile(filepath.Join(t.TempDir(), "nothing")); err == nil {
		t.Error("no file, no error")
	}
}
