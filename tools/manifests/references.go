package main

import (
	"slices"
	"strings"

	keda "github.com/kedacore/keda/v2/apis/keda/v1alpha1"
	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	rbac "k8s.io/api/rbac/v1"
)

// reference is a name by which one object speaks of another in its namespace.
type reference struct {
	kind, name string
	key        string // of a ConfigMap or Secret; "" is any
	optional   bool
}

// checkReferences wants everything that is named to be in the same build, or
// among the given.
func (b Build) checkReferences(given []string, r *Report) {
	for _, o := range b.Objects {
		for _, ref := range references(o) {
			b.resolve(o, ref, given, r)
		}
	}
	for _, p := range b.pods() {
		for _, ref := range podReferences(p) {
			b.resolve(p.of, ref, given, r)
		}
	}
}

func (b Build) resolve(from Object, ref reference, given []string, r *Report) {
	what := ref.kind + " " + ref.name
	for _, o := range b.Objects {
		if o.Kind != ref.kind || o.Name != ref.name || o.Namespace != from.Namespace && !clusterWide(ref.kind) {
			continue
		}
		if ref.key != "" && !ref.optional && !hasKey(o, ref.key) {
			r.add(b.Name+": "+from.String(), what+" has no key "+ref.key)
		}
		return
	}
	if !ref.optional && !slices.Contains(given, ref.kind+"/"+ref.name) {
		r.add(b.Name+": "+from.String(), what+" is not there")
	}
}

func clusterWide(kind string) bool {
	return slices.Contains([]string{"ClusterRole", "ClusterTriggerAuthentication", "PriorityClass"}, kind)
}

func hasKey(o Object, key string) bool {
	switch v := o.Value.(type) {
	case *core.ConfigMap:
		_, text := v.Data[key]
		_, binary := v.BinaryData[key]
		return text || binary
	case *core.Secret:
		_, text := v.StringData[key]
		_, binary := v.Data[key]
		return text || binary
	}
	return true
}

// references are those outside of pod templates.
func references(o Object) []reference {
	var all []reference
	triggers := func(ts []keda.ScaleTriggers) {
		for _, t := range ts {
			if a := t.AuthenticationRef; a != nil {
				kind := a.Kind
				if kind == "" {
					kind = "TriggerAuthentication"
				}
				all = append(all, reference{kind: kind, name: a.Name})
			}
		}
	}
	switch v := o.Value.(type) {
	case *apps.StatefulSet:
		if v.Spec.ServiceName != "" {
			all = append(all, reference{kind: "Service", name: v.Spec.ServiceName})
		}
	case *autoscaling.HorizontalPodAutoscaler:
		all = append(all, reference{kind: v.Spec.ScaleTargetRef.Kind, name: v.Spec.ScaleTargetRef.Name})
	case *keda.ScaledObject:
		if t := v.Spec.ScaleTargetRef; t != nil {
			kind := t.Kind
			if kind == "" {
				kind = "Deployment"
			}
			all = append(all, reference{kind: kind, name: t.Name})
		}
		triggers(v.Spec.Triggers)
	case *keda.ScaledJob:
		triggers(v.Spec.Triggers)
	case *keda.TriggerAuthentication:
		for _, s := range v.Spec.SecretTargetRef {
			all = append(all, reference{kind: "Secret", name: s.Name, key: s.Key})
		}
		for _, s := range v.Spec.ConfigMapTargetRef {
			all = append(all, reference{kind: "ConfigMap", name: s.Name, key: s.Key})
		}
	case *rbac.RoleBinding:
		all = append(all, reference{kind: v.RoleRef.Kind, name: v.RoleRef.Name})
		for _, s := range v.Subjects {
			if s.Kind == rbac.ServiceAccountKind && (s.Namespace == "" || s.Namespace == v.Namespace) {
				all = append(all, reference{kind: "ServiceAccount", name: s.Name})
			}
		}
	case *networking.Ingress:
		for _, t := range v.Spec.TLS {
			if t.SecretName != "" {
				all = append(all, reference{kind: "Secret", name: t.SecretName})
			}
		}
		for _, rule := range v.Spec.Rules {
			if rule.HTTP == nil {
				continue
			}
			for _, p := range rule.HTTP.Paths {
				if p.Backend.Service != nil {
					all = append(all, reference{kind: "Service", name: p.Backend.Service.Name})
				}
			}
		}
	}
	return all
}

// podReferences are those of a pod template.
func podReferences(p pod) []reference {
	var all []reference
	add := func(kind, name, key string, optional *bool) {
		all = append(all, reference{kind, name, key, optional != nil && *optional})
	}
	items := func(kind, name string, keys []core.KeyToPath, optional *bool) {
		add(kind, name, "", optional)
		for _, k := range keys {
			add(kind, name, k.Key, optional)
		}
	}
	if a := p.spec.ServiceAccountName; a != "" && a != "default" {
		add("ServiceAccount", a, "", nil)
	}
	for _, s := range p.spec.ImagePullSecrets {
		add("Secret", s.Name, "", nil)
	}
	if c := p.spec.PriorityClassName; c != "" && !strings.HasPrefix(c, "system-") {
		add("PriorityClass", c, "", nil)
	}
	for _, v := range p.spec.Volumes {
		switch {
		case v.ConfigMap != nil:
			items("ConfigMap", v.ConfigMap.Name, v.ConfigMap.Items, v.ConfigMap.Optional)
		case v.Secret != nil:
			items("Secret", v.Secret.SecretName, v.Secret.Items, v.Secret.Optional)
		case v.PersistentVolumeClaim != nil:
			add("PersistentVolumeClaim", v.PersistentVolumeClaim.ClaimName, "", nil)
		case v.Projected != nil:
			for _, s := range v.Projected.Sources {
				if c := s.ConfigMap; c != nil {
					items("ConfigMap", c.Name, c.Items, c.Optional)
				}
				if c := s.Secret; c != nil {
					items("Secret", c.Name, c.Items, c.Optional)
				}
			}
		}
	}
	for _, c := range slices.Concat(p.spec.InitContainers, p.spec.Containers) {
		for _, e := range c.EnvFrom {
			if e.ConfigMapRef != nil {
				add("ConfigMap", e.ConfigMapRef.Name, "", e.ConfigMapRef.Optional)
			}
			if e.SecretRef != nil {
				add("Secret", e.SecretRef.Name, "", e.SecretRef.Optional)
			}
		}
		for _, e := range c.Env {
			if e.ValueFrom == nil {
				continue
			}
			if k := e.ValueFrom.ConfigMapKeyRef; k != nil {
				add("ConfigMap", k.Name, k.Key, k.Optional)
			}
			if k := e.ValueFrom.SecretKeyRef; k != nil {
				add("Secret", k.Name, k.Key, k.Optional)
			}
		}
	}
	return all
}
