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

// folder is a folder of manifests after it was read.
type folder struct {
	builds     []Build
	dashboards []dashboard
	problems   []Problem

	root  string
	yamls []string // paths of all YAML files
	disk  recorder
}

// dashboard is a dashboard of Grafana.
type dashboard struct {
	name string
	body any
}

// open reads every file below a folder and builds every kustomization, except components, which are built where they
// are used. A YAML file that no build reads is a problem, because nothing checks it.
func open(path string) (*folder, error) {
	root, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	// Kustomize names files by their real paths.
	if root, err = filepath.EvalSymlinks(root); err != nil {
		return nil, err
	}
	f := &folder{root: root, disk: recorder{filesys.MakeFsOnDisk(), map[string]bool{}}}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return f.read(path)
	})
	if err != nil {
		return nil, err
	}
	for _, path := range f.yamls {
		if !f.disk.opened[path] {
			f.add(f.name(path), "no kustomization uses it")
		}
	}
	if len(f.builds) == 0 && len(f.problems) == 0 {
		return nil, fmt.Errorf("no kustomization in %s", path)
	}
	return f, nil
}

func (f *folder) add(where, what string) { f.problems = append(f.problems, Problem{where, what}) }

// name returns a path relative to the folder.
func (f *folder) name(path string) string {
	name, err := filepath.Rel(f.root, path)
	if err != nil {
		return path
	}
	return name
}

func (f *folder) read(path string) error {
	body, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	kustomization := slices.Contains(konfig.RecognizedKustomizationFileNames(), filepath.Base(path))
	switch ext := filepath.Ext(path); {
	case ext == ".json":
		f.readJSON(f.name(path), body)
	case ext == ".yaml" || ext == ".yml" || kustomization:
		f.yamls = append(f.yamls, path)
		kind, err := readYAML(body)
		if err != nil {
			f.add(f.name(path), err.Error())
		} else if kustomization && kind != "Component" {
			f.build(filepath.Dir(path))
		}
	}
	return nil
}

// readYAML returns the kind of the last document. A key that is repeated is an error: a build would take the last.
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

func (f *folder) readJSON(name string, body []byte) {
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		f.add(name, err.Error())
		return
	}
	if m, ok := value.(map[string]any); ok && m["panels"] != nil {
		f.dashboards = append(f.dashboards, dashboard{name, value})
	}
}

func (f *folder) build(dir string) {
	b := Build{Name: f.name(dir)}
	made, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(f.disk, dir)
	if err != nil {
		f.add(b.Name, err.Error())
		return
	}
	for _, resource := range made.Resources() {
		body, err := resource.AsYAML()
		if err == nil {
			var o Object
			if o, err = decode(body); err == nil {
				b.Objects = append(b.Objects, o)
			}
		}
		if err != nil {
			f.add(b.Name+": "+resource.GetKind()+" "+resource.GetName(), err.Error())
		}
	}
	if len(made.Resources()) == 0 {
		f.add(b.Name, "builds nothing")
	}
	f.builds = append(f.builds, b)
}

// recorder records the paths of the files that are read.
type recorder struct {
	filesys.FileSystem
	opened map[string]bool
}

func (r recorder) ReadFile(path string) ([]byte, error) {
	body, err := r.FileSystem.ReadFile(path)
	if err == nil {
		if abs, err := filepath.Abs(path); err == nil {
			r.opened[abs] = true
		}
	}
	return body, err
}
