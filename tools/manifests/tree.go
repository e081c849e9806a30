package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// tree is a folder of manifests, read.
type tree struct {
	builds     []Build
	dashboards []dashboard
	problems   []Problem
}

// dashboard is a file of Grafana's.
type dashboard struct {
	name string
	body any
}

func (t *tree) add(where, what string) { t.problems = append(t.problems, Problem{where, what}) }

// open reads every file below a folder and builds every kustomization. A
// component has no build of its own. A file of YAML that no build reads would
// go unchecked, and is a problem.
func open(folder string) (*tree, error) {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return nil, err
	}
	// Kustomize names files by their real paths.
	if folder, err = filepath.EvalSymlinks(folder); err != nil {
		return nil, err
	}
	t := &tree{}
	read := &recorder{FileSystem: filesys.MakeFsOnDisk(), read: map[string]bool{}}
	var yamls []string
	err = filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if filepath.Ext(path) == ".json" {
			t.readJSON(name, body)
			return nil
		}
		kustomization := slices.Contains(konfig.RecognizedKustomizationFileNames(), filepath.Base(path))
		if ext := filepath.Ext(path); ext != ".yaml" && ext != ".yml" && !kustomization {
			return nil
		}
		yamls = append(yamls, path)
		kind, err := readYAML(body)
		if err != nil {
			t.add(name, err.Error())
			return nil
		}
		if kustomization && kind != "Component" {
			t.build(filepath.Dir(path), filepath.Dir(name), read)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, path := range yamls {
		if !read.read[path] {
			name, err := filepath.Rel(folder, path)
			if err != nil {
				return nil, err
			}
			t.add(name, "no kustomization uses it")
		}
	}
	if len(t.builds) == 0 && len(t.problems) == 0 {
		return nil, fmt.Errorf("no kustomization in %s", folder)
	}
	return t, nil
}

// readYAML refuses what YAML itself does, a key that is there twice above all
// (a build would take the last), and returns the kind of the last document.
func readYAML(body []byte) (kind string, err error) {
	d := yaml.NewDecoder(bytes.NewReader(body))
	for {
		var document any
		switch err := d.Decode(&document); {
		case errors.Is(err, io.EOF):
			return kind, nil
		case err != nil:
			return "", err
		}
		if m, ok := document.(map[string]any); ok {
			kind, _ = m["kind"].(string)
		}
	}
}

func (t *tree) readJSON(name string, body []byte) {
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		t.add(name, err.Error())
		return
	}
	if m, ok := value.(map[string]any); ok && m["panels"] != nil {
		t.dashboards = append(t.dashboards, dashboard{name, value})
	}
}

func (t *tree) build(dir, name string, read filesys.FileSystem) {
	made, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(read, dir)
	if err != nil {
		t.add(name, err.Error())
		return
	}
	b := Build{Name: name}
	for _, resource := range made.Resources() {
		where := name + ": " + resource.GetKind() + " " + resource.GetName()
		body, err := resource.AsYAML()
		if err != nil {
			t.add(where, err.Error())
			continue
		}
		object, err := decode(body)
		if err != nil {
			t.add(where, err.Error())
			continue
		}
		b.Objects = append(b.Objects, object)
	}
	if len(made.Resources()) == 0 {
		t.add(name, "builds nothing")
	}
	t.builds = append(t.builds, b)
}

// recorder remembers what is read.
type recorder struct {
	filesys.FileSystem
	read map[string]bool
}

func (r *recorder) ReadFile(path string) ([]byte, error) {
	body, err := r.FileSystem.ReadFile(path)
	if err == nil {
		if abs, err := filepath.Abs(path); err == nil {
			r.read[abs] = true
		}
	}
	return body, err
}
