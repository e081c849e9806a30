package main

import (
	"cmp"
	"slices"

	core "k8s.io/api/core/v1"
)

// reference is the name by which one object uses another of its namespace.
type reference struct {
	kind, name string
	key        string // of a ConfigMap or Secret; "" if it uses no single key
	optional   bool
}

// referring are the fields that name other objects: the kind, and the subfield with the name, or "" if the value is
// the name itself.
var referring = map[string]struct{ kind, name string }{
	"authenticationRef":     {"TriggerAuthentication", "name"},
	"configMap":             {"ConfigMap", "name"},
	"configMapKeyRef":       {"ConfigMap", "name"},
	"configMapRef":          {"ConfigMap", "name"},
	"configMapTargetRef":    {"ConfigMap", "name"},
	"imagePullSecrets":      {"Secret", "name"},
	"persistentVolumeClaim": {"PersistentVolumeClaim", "claimName"},
	"scaleTargetRef":        {"Deployment", "name"},
	"secret":                {"Secret", "secretName"},
	"secretKeyRef":          {"Secret", "name"},
	"secretName":            {"Secret", ""},
	"secretRef":             {"Secret", "name"},
	"secretTargetRef":       {"Secret", "name"},
	"serviceAccountName":    {"ServiceAccount", ""},
	"serviceName":           {"Service", ""},
}

// checkReferences reports each reference to an object that is neither in the same build nor given.
func (b Build) checkReferences(given []string, r *Report) {
	for _, o := range b.Objects {
		for _, ref := range references("", o.Fields) {
			b.resolve(o, ref, given, r)
		}
	}
}

func (b Build) resolve(from Object, ref reference, given []string, r *Report) {
	what := ref.kind + " " + ref.name
	if ref.optional || slices.Contains(given, ref.kind+"/"+ref.name) {
		return
	}
	i := slices.IndexFunc(b.Objects, func(o Object) bool {
		return o.Kind == ref.kind && o.Name == ref.name && o.Namespace == from.Namespace
	})
	if i < 0 {
		r.add(b.where(from), "there is no "+what)
	} else if ref.key != "" && !hasKey(b.Objects[i], ref.key) {
		r.add(b.where(from), what+" has no key "+ref.key)
	}
}

func hasKey(o Object, key string) bool {
	var text, binary bool
	switch v := o.Value.(type) {
	case *core.ConfigMap:
		_, text = v.Data[key]
		_, binary = v.BinaryData[key]
	case *core.Secret:
		_, text = v.StringData[key]
		_, binary = v.Data[key]
	}
	return text || binary
}

// references returns the references of a field and of all fields below it.
func references(field string, value any) []reference {
	to, refers := referring[field]
	switch v := value.(type) {
	case string:
		if refers && to.name == "" && v != "default" {
			return []reference{{kind: to.kind, name: v}}
		}
	case []any:
		var all []reference
		for _, each := range v {
			all = append(all, references(field, each)...)
		}
		return all
	case map[string]any:
		var all []reference
		if refers {
			all = named(to.kind, to.name, v)
		}
		for name, each := range v {
			if field != "secret" { // its secretName is in named
				all = append(all, references(name, each)...)
			}
		}
		return all
	}
	return nil
}

// named returns the reference of a field, and one for each key that it uses.
func named(kind, nameField string, fields map[string]any) []reference {
	text := func(m map[string]any, field string) string { s, _ := m[field].(string); return s }
	optional, _ := fields["optional"].(bool)
	ref := reference{
		kind:     cmp.Or(text(fields, "kind"), kind),
		name:     cmp.Or(text(fields, nameField), text(fields, "name")),
		key:      text(fields, "key"),
		optional: optional,
	}
	all := []reference{ref}
	items, _ := fields["items"].([]any)
	for _, item := range items {
		m, _ := item.(map[string]any)
		ref.key = text(m, "key")
		all = append(all, ref)
	}
	return all
}
